/** The part of the WebAssembly API that `engine.ts` uses; Node.js has it, its type declarations do not. */
declare namespace WebAssembly {
  function instantiate(
    binary: Uint8Array,
    imports: Record<string, unknown>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>
}
