package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"echolab/harness"
)

// WriteDir writes the formats of those names (none: InFolder) into a folder, which it makes if need be, and returns the
// files that it wrote. A file is written beside its place and then put there: one is whole or was never touched. It goes
// on after a failure, so that the other formats are there.
func WriteDir(dir string, r *harness.Result, formats ...string) (written []string, err error) {
	if len(formats) == 0 {
		formats = InFolder()
	}
	var rows []Format
	for _, name := range formats {
		f, err := Named(name)
		if err != nil {
			return nil, err
		}
		if f.File == "" {
			return nil, fmt.Errorf("report format %s is for a stream and has no file", name)
		}
		rows = append(rows, f)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("reports cannot be written: %w", err)
	}
	for _, f := range rows {
		path := filepath.Join(dir, f.File)
		if e := WriteFile(path, func(w io.Writer) error { return f.Write(w, r) }); e != nil {
			err = errors.Join(err, e)
			continue
		}
		written = append(written, path)
	}
	return written, err
}

// WriteFile replaces a file by what write writes, or leaves it as it was.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	buffered := bufio.NewWriterSize(f, 1<<16)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s cannot be written: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
