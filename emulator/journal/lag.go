package journal

// Behind is how far the slowest must-follower is behind: entries, and what they cost to keep in bytes.
func (j *Journal) Behind() (entries uint64, bytes int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for t := range j.tails {
		if t.must {
			entries = max(entries, j.next-1-t.done)
			bytes = max(bytes, j.total-t.doneBytes)
		}
	}
	return entries, bytes
}
