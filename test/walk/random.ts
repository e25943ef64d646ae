/** Choices that the same seed makes again. */
export interface Random {
  /** 0 up to, and without, 1. */
  number(): number
  between(least: number, most: number): number
  pick<const T>(choices: readonly [T, ...T[]]): T
  find<T>(choices: readonly T[]): T | undefined
}

/** One stream a walker: what one of them does is not shifted by how fast another one is. */
export function randomOf(seed: number, stream: number): Random {
  let state = (seed * 2_654_435_761 + stream * 40_503) >>> 0
  // mulberry32, by Tommy Ettinger: public domain
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const find = <T>(choices: readonly T[]): T | undefined =>
    choices[Math.floor(number() * choices.length)]
  return {
    number,
    between: (least, most) => least + number() * (most - least),
    pick: (choices) => find(choices) ?? choices[0],
    find,
  }
}
