// Package certificate is the server's TLS identity: a pair of PEM files that somebody else made (Load, and Find for
// Laravel Herd's and Valet's), or one of Echolab's own, signed by a CA that exists on this machine alone (Local). Source
// hands the pair to crypto/tls and notices when the files change. Trust says, system by system, how a person makes
// clients believe the CA; nothing here ever installs anything.
//
// Files come in, tls.Certificates and sentences go out. Every error is one line for a person.
package certificate
