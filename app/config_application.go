package app

import "echolab/emulator/laravel"

// resolveApplication puts together what the emulated application consists of.
func (l *loader) resolveApplication() {
	l.config.Application = new(laravel.Application)
}
