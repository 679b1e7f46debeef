import { reactive } from 'vue'

const lasts = 3000

/** Who types on a presence channel, by their whispers: {user_id, name, field?}. One who is not heard for 3 s has stopped. */
export function useTyping(channel) {
  const typing = reactive({ people: [] })
  const timers = new Map()
  function stopped(id) {
    clearTimeout(timers.get(id))
    timers.delete(id)
    typing.people = typing.people.filter((p) => p.id !== id)
  }
  channel.listenForWhisper('typing', ({ user_id: id, name, field }) => {
    stopped(id)
    typing.people = [...typing.people, { id, name, field }]
    timers.set(id, setTimeout(() => stopped(id), lasts))
  })
  channel.leaving((member) => stopped(member.id))
  return Object.assign(typing, { stopped, end: () => timers.forEach((timer) => clearTimeout(timer)) })
}
