package cli

// verdictError ends a run that did not pass: everything has been printed already.
type verdictError struct{ code int }

func (e *verdictError) Error() string { return "" }
