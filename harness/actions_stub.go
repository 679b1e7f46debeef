package harness

import (
	"context"
	"errors"
)

var errNotYet = errors.New("not there yet")

// Run is not there yet.
func (*Connect) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Subscribe) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Listen) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*OnNotification) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Whisper) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Publish) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Emit) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*HTTPStep) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Think) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Repeat) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Expect) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Leave) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Disconnect) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Reconnect) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Slow) Run(context.Context, *User) error { return errNotYet }

// Run is not there yet.
func (*Set) Run(context.Context, *User) error { return errNotYet }
