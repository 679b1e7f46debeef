//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"echolab/emulator/pusher"
)

// server is an Echolab in a process of its own.
type server struct {
	cmd   *exec.Cmd
	addr  string
	app   pusher.App
	ready time.Duration // from start to the first answered connection
}

// start runs echolab serve, pinned to the first core where there are two.
func start(program string, args ...string) (*server, error) {
	command := append([]string{program, "serve", "--port", "0", "--ui-port", "0", "--json"}, args...)
	if runtime.NumCPU() > 1 {
		command = append([]string{"taskset", "-c", "0"}, command...)
	}
	s := &server{cmd: exec.Command(command[0], command[1:]...), app: pusher.DefaultApp()}
	var said bytes.Buffer
	s.cmd.Stderr = &said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%s said nothing: %w\n%s", program, err, said.String())
	}
	s.ready = time.Since(began)
	var ready struct{ Server string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, fmt.Errorf("%s: %w", line, err)
	}
	s.addr = strings.TrimPrefix(ready.Server, "http://")
	return s, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the server's resident memory in bytes.
func (s *server) resident() int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
