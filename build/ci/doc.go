// Package ci holds files that run a scenario on several machines: segments.job.yaml for Kubernetes, segments.workflow.yaml
// for GitHub Actions. They are to be copied and changed; the tests here hold them against the command line.
package ci
