package ci_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into))
}

// helps are the helps of commands, asked for once.
type helps struct {
	program string
	known   map[string]string
}

func build(t *testing.T) *helps {
	t.Helper()
	program := filepath.Join(t.TempDir(), "echolab")
	out, err := exec.Command("go", "build", "-o", program, "echolab").CombinedOutput()
	require.NoError(t, err, string(out))
	return &helps{program, map[string]string{}}
}

func (h *helps) of(t *testing.T, command string) string {
	t.Helper()
	if h.known[command] == "" {
		var out bytes.Buffer
		c := exec.Command(h.program, command, "--help")
		c.Stdout, c.Stderr = &out, &out
		require.NoError(t, c.Run(), "echolab %s --help: %s", command, &out)
		h.known[command] = out.String()
	}
	return h.known[command]
}

var (
	commandForm = regexp.MustCompile(`\becholab ([a-z]+)([^\n|&>]*)`)
	flagForm    = regexp.MustCompile(`(?:^|\s)(--[a-z-]+)`)
)

// check holds every echolab command in a script against the command's help.
func (h *helps) check(t *testing.T, script string) (commands []string) {
	t.Helper()
	for _, m := range commandForm.FindAllStringSubmatch(script, -1) {
		commands = append(commands, m[1])
		help := h.of(t, m[1])
		assert.Contains(t, help, "echolab "+m[1], "the help is that command's own")
		for _, flag := range flagForm.FindAllStringSubmatch(m[2], -1) {
			assert.Regexp(t, regexp.QuoteMeta(flag[1])+`\b`, help, "echolab %s has no %s", m[1], flag[1])
		}
	}
	return commands
}

func TestJob_RunsEachSegmentOnce(t *testing.T) {
	var job struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Spec       struct {
			CompletionMode           string `yaml:"completionMode"`
			Completions, Parallelism int
			Template                 struct {
				Spec struct {
					RestartPolicy string `yaml:"restartPolicy"`
					Containers    []struct {
						Args         []string
						VolumeMounts []struct{ Name string } `yaml:"volumeMounts"`
					}
					Volumes []struct{ Name string }
				}
			}
		}
	}
	read(t, "segments.job.yaml", &job)
	assert.Equal(t, "batch/v1 Job Indexed Never", strings.Join([]string{job.APIVersion, job.Kind, job.Spec.CompletionMode, job.Spec.Template.Spec.RestartPolicy}, " "))
	assert.Equal(t, 5, job.Spec.Completions)
	assert.Equal(t, job.Spec.Completions, job.Spec.Parallelism)
	container := job.Spec.Template.Spec.Containers[0]
	var volumes, mounts []string
	for _, v := range job.Spec.Template.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, m := range container.VolumeMounts {
		mounts = append(mounts, m.Name)
	}
	assert.Equal(t, volumes, mounts)

	script := container.Args[0]
	h := build(t)
	assert.Equal(t, []string{"run"}, h.check(t, script))
	text, err := os.ReadFile("segments.job.yaml")
	require.NoError(t, err)
	assert.Equal(t, []string{"run", "merge"}, h.check(t, strings.ReplaceAll(string(text), "echolab run /scenario/scenario.yaml", "echolab run")))

	// What the shell makes of it, pod by pod.
	for index, want := range []string{"1/5", "2/5", "3/5", "4/5", "5/5"} {
		c := exec.Command("sh", "-c", "echolab() { printf '%s\\n' \"$@\"; }\n"+script)
		c.Env = []string{"JOB_COMPLETION_INDEX=" + string(rune('0'+index)), "TARGET_URL=ws://x:1", "TARGET_ID=1", "TARGET_KEY=k", "TARGET_SECRET=a b"}
		out, err := c.Output()
		require.NoError(t, err)
		args := strings.Split(strings.TrimSpace(string(out)), "\n")
		assert.Equal(t, []string{"run", "/scenario/scenario.yaml", "--segment", want, "--url", "ws://x:1", "--app-id", "1", "--key", "k", "--secret", "a b",
			"--out", "/results/" + string(rune('0'+index))}, args)
	}
}

func TestWorkflow_JoinsEverySegmentOfItsMatrix(t *testing.T) {
	type step struct {
		Name, Run, Uses string
		With            map[string]string
	}
	var flow struct {
		Jobs struct {
			Segment struct {
				Strategy struct {
					FailFast bool `yaml:"fail-fast"`
					Matrix   struct{ Segment []int }
				}
				Steps []step
			}
			Verdict struct {
				Needs string
				Steps []step
			}
		}
	}
	read(t, "segments.workflow.yaml", &flow)
	assert.Equal(t, []int{1, 2, 3}, flow.Jobs.Segment.Strategy.Matrix.Segment)
	assert.False(t, flow.Jobs.Segment.Strategy.FailFast)
	assert.Equal(t, "segment", flow.Jobs.Verdict.Needs)
	var scripts strings.Builder
	for _, s := range append(flow.Jobs.Segment.Steps, flow.Jobs.Verdict.Steps...) {
		scripts.WriteString(s.Run + "\n")
	}
	assert.Contains(t, scripts.String(), `--segment "${{ matrix.segment }}/3"`)
	assert.Contains(t, scripts.String(), "merge segments/segment-1 segments/segment-2 segments/segment-3 --out")
	assert.Equal(t, []string{"run", "merge", "compare"}, build(t).check(t, scripts.String()))
}
