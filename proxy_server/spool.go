package proxyserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"yumen/flow"
	"yumen/kv"
)

// spool keeps counts that Redis did not take before the process ended. They
// are delivered at the next start, under the name they were counted by.
type spool struct{ dir string }

type spooled struct {
	Schema      int         `json:"schema"`
	Incarnation string      `json:"incarnation"`
	Counts      []kv.Counts `json:"counts"`
}

const spoolSuffix = ".counts.json"

// save keeps the buckets of an incarnation; none removes what was kept.
func (s spool) save(incarnation string, buckets []flow.Bucket) error {
	path := filepath.Join(s.dir, incarnation+spoolSuffix)
	if len(buckets) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.Marshal(spooled{Schema: 1, Incarnation: incarnation, Counts: counts(buckets)})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := writeFile(path, b); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// deliver gives Redis what earlier processes kept, and removes it once taken.
func (s spool) deliver(ctx context.Context, to *kv.Store) error {
	files, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), spoolSuffix) {
			continue
		}
		path := filepath.Join(s.dir, f.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		var c spooled
		if err := json.Unmarshal(b, &c); err != nil || c.Schema != 1 || c.Incarnation == "" {
			// Kept for a person to look at: counts are not thrown away.
			if err := os.Rename(path, path+".unreadable"); err != nil {
				return fmt.Errorf("spool: %w", err)
			}
			continue
		}
		if err := to.Flush(ctx, c.Incarnation, "", c.Counts); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	return nil
}

// counts says flow's buckets in the words of kv.
func counts(buckets []flow.Bucket) []kv.Counts {
	out := make([]kv.Counts, len(buckets))
	for i, b := range buckets {
		out[i] = kv.Counts{Step: b.Step, Bucket: b.Name, Subjects: b.Counts}
	}
	return out
}
