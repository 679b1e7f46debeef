package app

// Reload reads the files again at once.
func (a *App) Reload() { a.reload() }
