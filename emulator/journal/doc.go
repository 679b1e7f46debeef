// Package journal holds what happened: an Entry per fact, appended once and never changed, in a bounded ring with
// cursors. The emulator and the proxy append; the store, the UI, the recorder and the webhooks follow, each at its
// own pace, and none calls back.
//
// A must-follower (the store) is never overtaken: the ring grows while Admit holds new work at the doors. Any other
// follower that is too slow is told how many entries it missed. Append never blocks and may be called under a lock;
// it is last in the emulator's lock order.
package journal
