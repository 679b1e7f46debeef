// Package rawjson reads JSON where it lies: it checks a text and shows its members as the bytes that they are, and builds
// nothing. Most of what passes through a server or a virtual client is only passed on, and decoding it would cost more than
// everything else. Where PHP and JavaScript differ about what JSON is, the Scanner is told which of them reads.
package rawjson
