// heard() makes a callback that remembers what it was called with, to be waited for one call after the other.
export function heard() {
  const calls = []
  const waiting = []
  let taken = 0
  const callback = (...args) => {
    calls.push(args)
    waiting.splice(0).forEach((wake) => wake())
  }
  callback.calls = calls
  // next resolves with the arguments of the first call that hasn't been taken yet and fits.
  callback.next = async (fits = () => true, ms = 5000) => {
    const deadline = Date.now() + ms
    for (;;) {
      while (taken < calls.length) {
        const args = calls[taken++]
        if (fits(...args)) return args
      }
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`not called within ${ms} ms; calls so far: ${JSON.stringify(calls)}`)
      let timer
      await new Promise((resolve) => {
        waiting.push(resolve)
        timer = setTimeout(resolve, left)
      })
      clearTimeout(timer)
    }
  }
  callback.first = async (...args) => (await callback.next(...args))[0]
  return callback
}

// pause is for showing that something does not happen; whatever does happen is waited for itself.
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// until asks again and again, for what only an answer can tell.
export async function until(ask, ms = 5000) {
  const deadline = Date.now() + ms
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`not so within ${ms} ms: ${ask}`)
    await pause(20)
  }
}
