package emulator

// Load is how much an application's connections have to do at a moment.
type Load struct {
	Connections   int // open sockets
	Subscriptions int // sockets on channels
	Channels      int // occupied
	QueuedBytes   int // waiting to be written, over all connections
	QueuedMax     int // the same for the connection with most
}

// Load walks over an app's connections and channels: for a scrape every few seconds, not for every event.
func (s *Server) Load(appID string) Load {
	s.mu.Lock()
	h := s.hubs[appID]
	s.mu.Unlock()
	if h == nil {
		return Load{}
	}
	var l Load
	h.everyConn(func(c *conn) {
		c.mu.Lock()
		queued := c.queued + c.writing
		c.mu.Unlock()
		l.Connections++
		l.QueuedBytes += queued
		l.QueuedMax = max(l.QueuedMax, queued)
	})
	h.everyShard(func(sh *shard) {
		for _, ch := range sh.channels {
			if len(ch.subs) > 0 {
				l.Channels++
				l.Subscriptions += len(ch.subs)
			}
		}
	})
	return l
}
