package echo

import "fmt"

// spareFiles are kept for everything but the clients' sockets: reports, databases, auth requests, the program itself.
const spareFiles = 200

// Room says how many clients the process can hold by its limit of open files, where each needs perClient of them: 1, or 2
// where the server runs in the same process. ok is false where the system has no such limit.
func Room(perClient int) (clients int, ok bool) {
	limit, ok := openFiles()
	if !ok {
		return 0, false
	}
	if limit > 1<<30 {
		limit = 1 << 30
	}
	return max(0, (int(limit)-spareFiles)/max(1, perClient)), true
}

// CheckRoom is an error that says what to do where n clients are too many.
func CheckRoom(n, perClient int) error {
	room, ok := Room(perClient)
	if !ok || n <= room {
		return nil
	}
	limit, _ := openFiles()
	return fmt.Errorf("%d clients need about %d open files, the limit is %d: raise it with ulimit -n %d, or hold at most %d clients in one process",
		n, n*max(1, perClient)+spareFiles, limit, n*max(1, perClient)+spareFiles, room)
}
