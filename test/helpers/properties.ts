import fc from 'fast-check'

/** Seed of the inputs of properties. It is fixed, so that a run tries what the run before tried; the soak test varies it. */
const seed = Number(process.env.PROPERTY_SEED ?? 6749)

fc.configureGlobal({ seed })

export { fc }
