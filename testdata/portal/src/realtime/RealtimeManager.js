import { reactive } from 'vue'

/**
 * RealtimeManager owns Echo. Parts of the page lease channels from it: a channel is subscribed with its first lease and
 * left with its last one, so that no part can take another's channel away. It keeps the members of presence channels,
 * the state of the connection, and tells when the connection is back, because what was sent meanwhile is lost.
 */
export class RealtimeManager {
  #echo
  #channels = new Map() // by "kind name"
  #resumed = new Set()

  constructor(echo) {
    this.#echo = echo
    const { connection } = echo.connector.pusher
    this.status = reactive({ state: connection.state, resumes: 0, live: false })
    let connectedOnce = false
    connection.bind('state_change', ({ current }) => {
      this.status.state = current
      if (current !== 'connected') {
        for (const { view } of this.#channels.values()) view.joined = false
        this.#settle()
        return
      }
      if (connectedOnce) {
        this.status.resumes++
        for (const tell of this.#resumed) tell()
      }
      connectedOnce = true
    })
  }

  /** Calls back when the connection is there again after it was lost. Returns what ends that. */
  onResume(tell) {
    this.#resumed.add(tell)
    return () => this.#resumed.delete(tell)
  }

  /** Ends the connection and starts it anew, for whoever does not want to wait. */
  reconnect() {
    this.#echo.connector.pusher.disconnect()
    this.#echo.connector.pusher.connect()
  }

  /** @returns {Lease} of a public channel */
  public(name) { return this.#lease('channel', name) }
  /** @returns {Lease} of private-{name} */
  private(name) { return this.#lease('private', name) }
  /** @returns {Lease} of presence-{name}, with its members */
  presence(name) { return this.#lease('join', name) }

  // live: every channel that is wanted has been answered, so nothing that is sent from now on is missed.
  #settle() {
    const answered = [...this.#channels.values()].every(({ view }) => view.joined || view.refused)
    this.status.live = this.status.state === 'connected' && answered
  }

  #lease(kind, name) {
    const key = `${kind} ${name}`
    let held = this.#channels.get(key)
    if (!held) {
      const channel = this.#echo[kind](name)
      held = { channel, leases: 0, view: reactive({ members: [], joined: false, refused: 0 }) }
      this.#channels.set(key, held)
      const view = held.view
      channel.subscribed(() => {
        Object.assign(view, { joined: true, refused: 0 })
        this.#settle()
      })
      channel.error((problem) => {
        view.refused = problem?.status ?? -1
        this.#settle()
      })
      this.#settle()
      if (kind === 'join') {
        channel.here((members) => (view.members = members))
        channel.joining((member) => (view.members = [...view.members.filter((m) => m.id !== member.id), member]))
        channel.leaving((member) => (view.members = view.members.filter((m) => m.id !== member.id)))
      }
    }
    held.leases++
    return new Lease(held, () => {
      if (--held.leases > 0) return
      this.#channels.delete(key)
      this.#settle()
      this.#echo.leaveChannel(held.channel.name)
    })
  }
}

/** Lease is one part's share of a channel. release() takes its listeners away and nobody else's. */
class Lease {
  #held
  #leave
  #undo = []

  constructor(held, leave) {
    this.#held = held
    this.#leave = leave
    /** members, joined, refused (the status of /broadcasting/auth): reactive */
    this.view = held.view
  }

  listen(event, tell) {
    const { channel } = this.#held
    channel.listen(event, tell)
    this.#undo.push(() => channel.stopListening(event, tell))
    return this
  }

  listenForWhisper(event, tell) {
    const { channel } = this.#held
    channel.listenForWhisper(event, tell)
    this.#undo.push(() => channel.stopListeningForWhisper(event, tell))
    return this
  }

  notification(tell) {
    const { channel } = this.#held
    channel.notification(tell)
    this.#undo.push(() => channel.stopListeningForNotification(tell))
    return this
  }

  /** Calls back for a member that leaves, until the lease ends. */
  leaving(tell) {
    let active = true
    this.#held.channel.leaving((member) => active && tell(member))
    this.#undo.push(() => (active = false))
    return this
  }

  /** Whispers are lost while there is no connection: nobody would want them later. */
  whisper(event, data) {
    if (this.#held.view.joined) this.#held.channel.whisper(event, data)
  }

  release() {
    if (!this.#leave) return
    for (const undo of this.#undo) undo()
    this.#leave()
    this.#leave = null
  }
}
