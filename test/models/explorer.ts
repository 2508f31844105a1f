/** One step that a model can take. A choice is several actions, so that each action has one outcome. */
export interface Action<State> {
  /** Who does what, in the words of the source: a function, a statement or an event. */
  name: string
  isEnabled(state: State): boolean
  /** Changes a copy of the state. */
  run(draft: State): void
}

/** A transition system. Its states are plain JSON values, of which equal ones are written alike. */
export interface Model<State> {
  initial: State
  actions: readonly Action<State>[]
  /** Conditions, by their meaning, that hold in every state. */
  invariants: Readonly<Record<string, (state: State) => boolean>>
  /** Conditions, by their meaning, that can become true again from every state. */
  goals?: Readonly<Record<string, (state: State) => boolean>>
}

/** Result of an exploration. */
export interface Exploration {
  /** Number of states visited: all that can be reached, unless one of them violates a condition. */
  states: number
  /** Condition that is violated; null if none is. */
  violated: string | null
  /** Shortest sequence of steps to the violation, numbered. */
  trace: string[]
}

/**
 * Visits every state that any interleaving of the actions can reach, breadth-first, and always in the same order.
 *
 * @param visit called with each state and the shortest trace to it
 * @throws Error when there are more states than `maxStates`, since an incomplete search proves nothing
 */
export function explore<State>(
  model: Model<State>,
  maxStates: number,
  visit: (state: State, trace: () => string[]) => void = () => {},
): Exploration {
  const graph: Graph = { texts: [], reachedFrom: [-1], reachedBy: [''], edges: [] }
  const indices = new Map<string, number>()

  /** Returns the index of a state, which is new if it is the last one. */
  function indexOf(state: State): number {
    const text = JSON.stringify(state)
    const index = indices.get(text) ?? indices.size
    if (index < indices.size) return index
    if (index === maxStates) throw new Error(`the model has more than ${maxStates} states`)
    indices.set(text, index)
    graph.texts.push(text)
    return index
  }

  indexOf(model.initial)
  for (let index = 0; index < graph.texts.length; index++) {
    const state = stateAt<State>(graph, index)
    visit(state, () => traceTo(graph, index))
    const violated = Object.entries(model.invariants).find(([, holds]) => !holds(state))
    if (violated) return { states: graph.texts.length, violated: violated[0], trace: traceTo(graph, index) }
    for (const action of model.actions) {
      if (!action.isEnabled(state)) continue
      const draft = stateAt<State>(graph, index)
      action.run(draft)
      const reached = indexOf(draft)
      graph.edges.push([index, reached])
      if (reached < graph.reachedFrom.length) continue
      graph.reachedFrom.push(index)
      graph.reachedBy.push(action.name)
    }
  }
  return findDeadEnd(model, graph) ?? { states: graph.texts.length, violated: null, trace: [] }
}

/** The states found so far, by index, and the steps between them. */
interface Graph {
  texts: string[]
  /** State from which each state was reached first, and the action that led to it. */
  reachedFrom: number[]
  reachedBy: string[]
  edges: [from: number, to: number][]
}

/** Returns a copy of a state. */
function stateAt<State>({ texts }: Graph, index: number): State {
  return JSON.parse(texts[index] as string)
}

function traceTo({ reachedFrom, reachedBy }: Graph, end: number): string[] {
  const names: string[] = []
  for (let index = end; index > 0; index = reachedFrom[index] as number)
    names.unshift(reachedBy[index] as string)
  return names.map((name, step) => `${step + 1}. ${name}`)
}

/** Finds the first state from which a goal cannot be reached any more. */
function findDeadEnd<State>({ goals = {} }: Model<State>, graph: Graph): Exploration | null {
  const backwards = graph.edges.toReversed()
  for (const [goal, isReached] of Object.entries(goals)) {
    const leads = graph.texts.map((_, index) => isReached(stateAt<State>(graph, index)))
    for (let isChanged = true; isChanged; ) {
      isChanged = false
      for (const [from, to] of backwards) if (!leads[from] && leads[to]) isChanged = leads[from] = true
    }
    const deadEnd = leads.indexOf(false)
    if (deadEnd >= 0) return { states: leads.length, violated: goal, trace: traceTo(graph, deadEnd) }
  }
  return null
}

/** Returns whether a trace has these steps, in this order, among others. */
export function hasInOrder(trace: readonly string[], steps: readonly string[]): boolean {
  let next = 0
  for (const line of trace) if (line.endsWith(`. ${steps[next]}`)) next += 1
  return next === steps.length
}
