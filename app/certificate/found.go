package certificate

import (
	"os"
	"path/filepath"
)

// keeper is a program that makes certificates for local sites.
type keeper struct {
	name  string
	dir   []string // below the home folder; where Windows differs, see windows
	other []string // on Windows
}

// keepers is where Laravel Reverb looks, in its order (laravel/reverb Certificate.php). Reverb knows Herd's folder on
// macOS and Windows, and Valet's everywhere.
var keepers = []keeper{
	{"Laravel Herd", []string{"Library", "Application Support", "Herd", "config", "valet", "Certificates"},
		[]string{".config", "herd", "config", "valet", "Certificates"}},
	{"Laravel Valet", []string{".config", "valet", "Certificates"}, nil},
}

// Found is a pair of files that another program keeps.
type Found struct {
	By        string // the program
	Cert, Key string // paths
}

// Find looks for a certificate of the host's in the folders of Laravel Herd and Valet, below the home folder. goos is
// the system whose folders these are, as runtime.GOOS.
func Find(home, goos, host string) (Found, bool) {
	if home == "" || host == "" || host != filepath.Base(host) { // a name, not a path
		return Found{}, false
	}
	for _, k := range keepers {
		dir := k.dir
		if goos == "windows" && k.other != nil {
			dir = k.other
		}
		base := filepath.Join(append([]string{home}, dir...)...)
		found := Found{By: k.name, Cert: filepath.Join(base, host+".crt"), Key: filepath.Join(base, host+".key")}
		if isFile(found.Cert) && isFile(found.Key) {
			return found, true
		}
	}
	return Found{}, false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
