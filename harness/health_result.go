package harness

// HealthResult is what the generator saw of itself.
type HealthResult struct {
	OK      bool     `json:"ok"`
	Reasons []string `json:"reasons"` // why what was measured is not to be relied on

	ScheduleLagP99MS float64 `json:"schedule_lag_p99_ms"`
	CPU              float64 `json:"cpu"`         // processors used on average, of CPUs
	CPUMost          float64 `json:"cpu_most"`    // in the busiest second
	CPUs             float64 `json:"cpus"`        // it could use
	GCPauseMS        float64 `json:"gc_pause_ms"` // the longest
	SocketErrors     int64   `json:"socket_errors"`
	MemoryMost       int64   `json:"memory_most"` // resident bytes
}
