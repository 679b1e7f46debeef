package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"echolab/app"
	"echolab/app/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"echolab": func() { os.Exit(cli.Main(os.Args[1:])) },
	})
}

func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/cli",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("LOCALAPPDATA", home)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second longer under -race
			env.Values[serverKey{}] = &server{}
			old, err := os.ReadFile("../../testdata/store/schema-1.sqlite")
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(env.WorkDir, "schema-1.sqlite"), old, 0o600); err != nil {
				return err
			}
			if err := os.CopyFS(filepath.Join(env.WorkDir, "reports"), os.DirFS("../../testdata/reports")); err != nil {
				return err
			}
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":       start,
			"end":         end,
			"busyport":    busyPort,
			"freeport":    freePort,
			"answers":     answers,
			"exitcode":    exitCode,
			"control":     control,
			"subscribers": subscribers,
			"follow":      follow,
			"interrupted": interrupted,
			"happens":     happens,
			"request":     request,
			"slowsearch":  slowSearch,
		},
	})
}

type serverKey struct{}

// server is the echolab that a script started.
type server struct {
	cmd *exec.Cmd
	mu  sync.Mutex // guards out
	out bytes.Buffer
	err bytes.Buffer
	eof chan struct{}
}

// start PATTERN ARGS... runs echolab in the background and waits for a line on standard output that matches. The
// pattern's group becomes $MATCH. An empty pattern waits for nothing.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start PATTERN ARGS...")
	}
	s := ts.Value(serverKey{}).(*server)
	if s.cmd != nil {
		ts.Fatalf("one server at a time")
	}
	s.cmd = exec.Command(program(ts), args[1:]...)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = ts.MkAbs("."), environ(ts), &s.err
	pipe, err := s.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ts.Defer(func() {
		if s.cmd != nil {
			_ = s.cmd.Process.Kill() // the script failed before its end
		}
	})
	s.eof = make(chan struct{})
	found := make(chan []string, 1)
	go s.read(pipe, regexp.MustCompile(args[0]), found)
	if args[0] == "" {
		return
	}
	select {
	case match := <-found:
		ts.Setenv("MATCH", match[len(match)-1])
	case <-s.eof:
		_ = s.cmd.Wait() // its exit code is not what was asked for anyway
		ts.Fatalf("echolab ended without a line that matches %q\nstdout: %s\nstderr: %s", args[0], &s.out, &s.err)
	}
}

func (s *server) read(pipe io.Reader, pattern *regexp.Regexp, found chan<- []string) {
	defer close(s.eof)
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		s.mu.Lock()
		s.out.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if match := pattern.FindStringSubmatch(lines.Text()); match != nil && len(found) == 0 {
			select {
			case found <- match:
			default:
			}
		}
	}
}

// end SIGNAL CODE ends the started echolab, checks its exit code and leaves what it printed in the files out and err.
func end(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": os.Interrupt}
	if neg || len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: end SIGTERM|SIGINT CODE")
	}
	s := ts.Value(serverKey{}).(*server)
	ts.Check(s.cmd.Process.Signal(signals[args[0]]))
	<-s.eof
	_ = s.cmd.Wait() // the code is looked at below
	code := s.cmd.ProcessState.ExitCode()
	s.cmd = nil
	ts.Check(os.WriteFile(ts.MkAbs("out"), s.out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), s.err.Bytes(), 0o600))
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("exit code %d, want %s\nstderr: %s", code, args[1], &s.err)
	}
	s.out.Reset()
	s.err.Reset()
}

// exitcode CODE ARGS... runs echolab and checks its exit code; what it printed is for stdout and stderr.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exitcode CODE ARGS...")
	}
	cmd := exec.Command(program(ts), args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), environ(ts), ts.Stdout(), ts.Stderr()
	_ = cmd.Run() // the code says it
	if code := cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// busyport NAME takes a port of 127.0.0.1 until the script ends and puts it into $NAME.
func busyPort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// freeport NAME puts a port that nobody had a moment ago into $NAME.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

// answers ADDRESS waits until something accepts connections there; http:// and a path are left away.
func answers(ts *testscript.TestScript, _ bool, args []string) {
	address, _, _ := strings.Cut(strings.TrimPrefix(args[0], "http://"), "/")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for last := time.Now().Add(10 * time.Second); time.Now().Before(last); <-tick.C {
		if c, err := net.Dial("tcp", address); err == nil {
			ts.Check(c.Close())
			return
		}
	}
	ts.Fatalf("nothing answers at %s", address)
}

// control finds the UI's address in what the started server printed with --json, and puts it into $ECHOLAB_API.
func control(ts *testscript.TestScript, _ bool, _ []string) {
	s := ts.Value(serverKey{}).(*server)
	s.mu.Lock()
	found := regexp.MustCompile(`"ui":"(http://[^"/]+)`).FindStringSubmatch(s.out.String())
	s.mu.Unlock()
	if found == nil {
		ts.Fatalf("the server has printed no address of its UI")
	}
	ts.Setenv("ECHOLAB_API", found[1])
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := regexp.MustCompile(`"server":"(http://[^"/]+)`).FindStringSubmatch(s.out.String()); found != nil {
		ts.Setenv("SERVER", found[1])
	}
}

// subscribers CHANNEL waits until somebody is on a channel of the server at $ECHOLAB_API.
func subscribers(ts *testscript.TestScript, _ bool, args []string) {
	res, err := http.Get(ts.Getenv("ECHOLAB_API") + "/api/events/wait?kind=subscribed&after=0&timeout=10s&channel=" + url.QueryEscape(args[0]))
	ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	ts.Check(err)
	if !bytes.Contains(text, []byte(`"kind":"subscribed"`)) {
		ts.Fatalf("nobody came: %s", text)
	}
}

// interrupted CHANNEL ARGS... runs echolab until somebody is on a channel of the server at $ECHOLAB_API, presses Ctrl-C,
// and wants exit code 130; what it printed is in the file out.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	var out bytes.Buffer
	cmd := exec.Command(program(ts), args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), environ(ts), &out, &out
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() }) // in case the script failed before its end
	subscribers(ts, false, args[:1])
	ts.Check(cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // the code is looked at below
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		ts.Fatalf("exit code %d, want 130\n%s", code, &out)
	}
}

// happens KIND TEXT waits until the server at $ECHOLAB_API has an entry of that kind whose note holds the text.
func happens(ts *testscript.TestScript, _ bool, args []string) {
	res, err := http.Get(ts.Getenv("ECHOLAB_API") + "/api/events/wait?after=0&timeout=20s&kind=" + args[0])
	ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	ts.Check(err)
	if !bytes.Contains(text, []byte(args[1])) {
		ts.Fatalf("no entry %s with %q: %s", args[0], args[1], text)
	}
}

// follow PATTERN EVENT ARGS... runs echolab until it has printed a line that matches, publishes an event, waits until
// that is printed too, presses Ctrl-C, and wants exit code 0.
func follow(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(program(ts), args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(environ(ts), "ECHOLAB_API="+ts.Getenv("ECHOLAB_API"))
	pipe, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() }) // in case the script failed before its end
	pattern, published := regexp.MustCompile(args[0]), false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		switch {
		case published && strings.Contains(lines.Text(), args[1]):
			ts.Check(cmd.Process.Signal(os.Interrupt))
		case !published && pattern.MatchString(lines.Text()):
			published = true
			res, err := http.Post(ts.Getenv("ECHOLAB_API")+"/api/publish", "application/json", strings.NewReader(`{"channel":"portal","event":"`+args[1]+`"}`))
			ts.Check(err)
			ts.Check(res.Body.Close())
		}
	}
	ts.Check(cmd.Wait())
	if !published {
		ts.Fatalf("no line matched %s", args[0])
	}
}

func program(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		for _, name := range []string{"echolab", "echolab.exe"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return filepath.Join(dir, name)
			}
		}
	}
	ts.Fatalf("no echolab in PATH")
	return ""
}

// environ is the script's environment, as far as echolab looks at it.
func environ(ts *testscript.TestScript) []string {
	names := []string{"PATH", "HOME", "LOCALAPPDATA", "SYSTEMROOT", "XDG_DATA_HOME", "NO_COLOR", "TERM", "APP_ENV", "GOCOVERDIR", "GORACE", "TMPDIR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"}
	for _, row := range append(app.Settings(), app.AppSettings()...) {
		names = append(names, row.Env)
	}
	var out []string
	for _, name := range names {
		if value := ts.Getenv(name); name != "" && value != "" {
			out = append(out, fmt.Sprintf("%s=%s", name, value))
		}
	}
	return out
}

// request USER METHOD PATH [JSON] asks the emulated application at $SERVER as a user (an empty one is a guest) and prints the
// status and the answer.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: request USER METHOD PATH [JSON]")
	}
	r, err := http.NewRequest(args[1], ts.Getenv("SERVER")+args[2], strings.NewReader(append(args, "")[3]))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if args[0] != "" {
		r.Header.Set("X-Echolab-User", args[0])
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(answer.Body.Close())
	_, err = fmt.Fprintf(ts.Stdout(), "%d %s\n", answer.StatusCode, text)
	ts.Check(err)
}

// slowSearch is a server whose store takes three pages to find two events, one of which holds nothing. $MATCH is its address.
func slowSearch(ts *testscript.TestScript, _ bool, _ []string) {
	pages := map[string]string{
		"":   `{"entries":[{"seq":61,"kind":"published","event":"Newer"}],"more":true,"next":60}`,
		"60": `{"entries":[],"more":true,"next":30}`,
		"30": `{"entries":[{"seq":7,"kind":"published","event":"Older"}],"more":true,"next":7}`,
		"7":  `{"entries":[{"seq":5,"kind":"published","event":"Oldest"}],"more":false,"next":5}`,
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page, ok := pages[r.URL.Query().Get("before")]; ok && r.URL.Path == "/api/events" {
			_, _ = io.WriteString(w, page)
			return
		}
		http.NotFound(w, r)
	}))
	ts.Defer(s.Close)
	ts.Setenv("MATCH", s.URL)
}
