//go:build window

// These tests open a real window: go test -tags window ./app/desktop. They need Xvfb, WebKitGTK's and GTK's headers and
// ImageMagick, which "make test" installs where it can; the page has to be built.
package desktop_test

import (
	"bufio"
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// red is --red of the light theme: what needs a person, on the tape.
var red = color.RGBA{0xb4, 0x23, 0x18, 255}

// program builds a command with the window, as a release is built.
func program(t *testing.T, command string) string {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join(root, ".cache", "window-"+filepath.Base(command)))
	require.NoError(t, err)
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "desktop,production,webkit2_41", "-o", bin, command)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

// screen starts an X server on a free display and returns its name.
func screen(t *testing.T) string {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp")
	x.ExtraFiles = []*os.File{write}
	require.NoError(t, x.Start())
	require.NoError(t, write.Close())
	t.Cleanup(func() {
		_ = x.Process.Kill()
		_ = x.Wait()
	})
	number, err := bufio.NewReader(read).ReadString('\n')
	require.NoError(t, err, "Xvfb said no display")
	return ":" + strings.TrimSpace(number)
}

// environ is this process's, with a display and without the things a desktop session would set.
func environ(display string) []string {
	var out []string
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "DISPLAY", "WAYLAND_DISPLAY", "LANG", "LC_ALL":
		default:
			out = append(out, pair)
		}
	}
	out = append(out, "LANG=C")
	if display != "" {
		out = append(out, "DISPLAY="+display)
	}
	return out
}

// picture is what the display shows now.
func picture(t *testing.T, display string) image.Image {
	t.Helper()
	raw, err := exec.CommandContext(t.Context(), "import", "-display", display, "-window", "root", "png:-").Output()
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	return img
}

// count tells how many pixels have a colour (within 3 of each component), and how many colours there are.
func count(img image.Image, want color.RGBA) (pixels, colours int) {
	seen := map[color.RGBA]bool{}
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) <= 3 }
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			c := color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
			seen[c] = true
			if near(c.R, want.R) && near(c.G, want.G) && near(c.B, want.B) {
				pixels++
			}
		}
	}
	return pixels, len(seen)
}

func TestWindow_ShowsThePageAndReachesTheAPI(t *testing.T) {
	bin, display := program(t, "./testdata/page"), screen(t)
	cmd := exec.CommandContext(t.Context(), bin, "-window")
	cmd.Env = environ(display)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	until := func(parts ...string) {
		t.Helper()
		late := time.After(30 * time.Second)
		for {
			select {
			case line, open := <-lines:
				require.True(t, open, "ended before it said %q; it said %s", parts, said.String())
				ok := true
				for _, part := range parts {
					ok = ok && strings.Contains(line, part)
				}
				if ok {
					return
				}
			case <-late:
				require.Fail(t, "waited 30 s", "for %q; it said %s", parts, said.String())
			}
		}
	}
	until("ready")
	until("GET /api/feed?after=0&wait=15s", "wails.io") // the page's script ran, drew, and follows

	before := picture(t, display)
	pixels, colours := count(before, red)
	assert.Zero(t, pixels, "nothing needs a person yet")
	assert.Greater(t, colours, 60, "more than a blank window")

	_, err = io.WriteString(in, `{"Append":{"Kind":"trouble","Note":"The store cannot be written."},"Times":20}`+"\n")
	require.NoError(t, err)
	until("GET /api/feed?after=20", "wails.io")
	turnsRed(t, display, "window.png")

	require.NoError(t, in.Close()) // the server ends, and the window with it
	until("closed")
	assert.NoError(t, cmd.Wait(), said.String())
}

// turnsRed waits until what needs a person is on the screen, and leaves the picture where a person can look at it.
func turnsRed(t *testing.T, display, name string) {
	t.Helper()
	var shown image.Image
	assert.Eventually(t, func() bool {
		shown = picture(t, display)
		pixels, _ := count(shown, red)
		return pixels > 100
	}, 20*time.Second, 200*time.Millisecond, "what happened is on the screen")
	if shown == nil {
		return
	}
	folder := filepath.Join(root, ".cache", "screens")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	f, err := os.Create(filepath.Join(folder, name))
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, shown))
	require.NoError(t, f.Close())
}

func TestWindow_TheProgramWithTheServerInside(t *testing.T) {
	bin, display := program(t, "."), screen(t)
	cmd := exec.CommandContext(t.Context(), bin, "desktop", "--host", "127.0.0.1", "--port", "0", "--ui-port", "0", "--db", ":memory:")
	cmd.Dir = t.TempDir() // no .env
	cmd.Env = environ(display)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	var server string
	for s := bufio.NewScanner(out); server == "" && s.Scan(); {
		server = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(s.Text()) // the banner's first is the server's
	}
	require.NotEmpty(t, server, "no address in the banner; it said %s", said.String())
	go func() { _, _ = io.Copy(io.Discard, out) }()

	for range 20 { // unsigned, so refused
		res, err := http.Post(server+"/apps/client-portal/events", "application/json", strings.NewReader(`{"name":"x","channel":"y","data":"{}"}`))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	}
	turnsRed(t, display, "desktop.png")

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	assert.NoError(t, cmd.Wait(), said.String())
}

func TestWindow_WithoutAScreenSaysSo(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program(t, "./testdata/page"), "-window")
	cmd.Env = environ("")
	in, err := cmd.StdinPipe() // open: nothing but the missing screen ends it
	require.NoError(t, err)
	defer in.Close()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(out))
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(out), "no window: neither DISPLAY nor WAYLAND_DISPLAY is set")
	assert.NotContains(t, string(out), "panic")
}
