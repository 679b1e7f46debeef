// Package yamlfile parses YAML that anybody may have written, a scenario or a configuration, so that no file can end the
// program or hold it up. What the values mean, and what to say of them, is the reader's.
package yamlfile
