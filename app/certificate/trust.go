package certificate

import (
	"path/filepath"
	"strings"
)

// Instruction is one way to make clients believe a CA.
type Instruction struct {
	System string   `json:"system"` // darwin, windows or linux as runtime.GOOS; "" for every system
	For    string   `json:"for"`    // who believes it then
	Lines  []string `json:"lines"`  // to paste, or to do by hand
	Note   string   `json:"note,omitempty"`
}

// trusts is every instruction. {path} is the CA's file, {arg} the same as the system's shell wants it, {bundle} and
// {bundle-arg} a file beside it.
var trusts = []Instruction{
	{System: "darwin", For: "macOS: Safari, Chrome, curl",
		Lines: []string{`security add-trusted-cert -r trustRoot -k "$HOME/Library/Keychains/login.keychain-db" {arg}`},
		Note:  "To undo it: security remove-trusted-cert {arg}"},
	{System: "windows", For: "Windows: Edge, Chrome, curl",
		Lines: []string{`certutil -user -addstore Root {arg}`},
		Note:  `To undo it: certmgr.msc, Trusted Root Certification Authorities`},
	{System: "linux", For: "Debian, Ubuntu, Alpine: curl, PHP, most programs",
		Lines: []string{`sudo cp {arg} /usr/local/share/ca-certificates/echolab.crt`, `sudo update-ca-certificates`},
		Note:  "To undo it: sudo rm /usr/local/share/ca-certificates/echolab.crt && sudo update-ca-certificates --fresh"},
	{System: "linux", For: "Fedora, RHEL, Arch (p11-kit): curl, PHP, most programs",
		Lines: []string{`sudo trust anchor --store {arg}`},
		Note:  "To undo it: sudo trust anchor --remove {arg}"},
	{System: "linux", For: "Chrome, Chromium, Edge on Linux (NSS; certutil is in libnss3-tools or nss-tools)",
		Lines: []string{
			`mkdir -p "$HOME/.pki/nssdb"`,
			`certutil -d sql:"$HOME/.pki/nssdb" -A -t C,, -n "Echolab local CA" -i {arg}`,
		},
		Note: `To undo it: certutil -d sql:"$HOME/.pki/nssdb" -D -n "Echolab local CA"`},
	{For: "Firefox",
		Lines: []string{`Settings → Privacy & Security → View Certificates → Authorities → Import: {path}`},
		Note:  `On macOS and Windows Firefox believes the system's list too (security.enterprise_roots.enabled). With certutil: certutil -d sql:PROFILE-FOLDER -A -t C,, -n "Echolab local CA" -i {arg}`},
	{For: "Laravel publishing, this connection alone (config/broadcasting.php, connections.reverb)",
		Lines: []string{`'client_options' => ['verify' => '{path}'],`}},
	{For: "PHP as a whole (php.ini; 'php --ini' says where), unless it believes the system's list",
		Lines: []string{`curl.cainfo = "{bundle}"`, `openssl.cafile = "{bundle}"`},
		Note:  "These replace PHP's list instead of adding to it. Make the bundle of both: cat /etc/ssl/certs/ca-certificates.crt {arg} > {bundle-arg}"},
	{For: "Node.js", Lines: []string{`NODE_EXTRA_CA_CERTS={arg}`}},
}

// Trust tells how to trust the CA at path: first what is for goos or for all, then what is for other systems.
func Trust(path, goos string) []Instruction {
	bundle := filepath.Join(filepath.Dir(path), "bundle.pem")
	var here, elsewhere []Instruction
	for _, row := range trusts {
		system := row.System
		if system == "" {
			system = goos
		}
		fill := strings.NewReplacer("{path}", path, "{arg}", quote(path, system), "{bundle}", bundle, "{bundle-arg}", quote(bundle, system))
		done := Instruction{System: row.System, For: row.For, Note: fill.Replace(row.Note)}
		for _, line := range row.Lines {
			done.Lines = append(done.Lines, fill.Replace(line))
		}
		if system == goos {
			here = append(here, done)
		} else {
			elsewhere = append(elsewhere, done)
		}
	}
	return append(here, elsewhere...)
}

// quote makes a path one word of a command line, where it is not one already.
func quote(path, goos string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(`/._-:\`, r) && (r != '\\' || goos == "windows")
	}
	switch {
	case strings.TrimFunc(path, plain) == "":
		return path
	case goos == "windows":
		return `"` + path + `"`
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
