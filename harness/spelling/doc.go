// Package spelling finds the word that a person meant by another: the "did you mean" of commands, settings and scenarios. It
// knows no words of its own.
package spelling
