// Preloaded into a process of the service (`node --expose-gc --import`), so that its heap can be measured without garbage: it
// collects all garbage on SIGUSR2.

process.on('SIGUSR2', () => globalThis.gc?.())
