package proxyserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"yumen/generation"
	"yumen/spec"
)

const (
	// settle is how far apart two reads must be equal: a file is written in
	// pieces by some, and half a document must not pass for a whole one.
	settle = 200 * time.Millisecond
	// look is how often the file is read although nothing was heard of it: not
	// every file system tells.
	look = 5 * time.Second
)

// fileWatch says when a document's file has become another.
type fileWatch struct {
	path   string
	log    *slog.Logger
	reload <-chan struct{} // SIGHUP: read it now, and confirm what it says
	retry  func() bool     // use it again although it is the same
}

// run gives every new content to use, the first one too, till ctx ends.
// confirmed is true when somebody asked for it.
func (w *fileWatch) run(ctx context.Context, use func(content []byte, confirmed bool), failed func(error)) {
	var running sync.WaitGroup
	defer running.Wait()
	heard := w.events(ctx, &running)
	poll := time.NewTicker(look)
	defer poll.Stop()
	var last []byte
	trouble := ""
	for first := true; ; first = false {
		asked, again := false, false
		if !first {
			select {
			case <-ctx.Done():
				return
			case <-w.reload:
				asked = true
			case <-heard:
			case <-poll.C:
				again = w.retry()
			}
		}
		content, err := w.read(ctx, last, asked || first)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if asked || err.Error() != trouble {
				failed(err)
			}
			trouble = err.Error()
		case asked || again || first || trouble != "" || !bytes.Equal(content, last):
			trouble = ""
			last = content
			use(content, asked)
		}
	}
}

// read gives the content once two reads agree. A content equal to last needs
// no second one, unless it is wanted.
func (w *fileWatch) read(ctx context.Context, last []byte, wanted bool) ([]byte, error) {
	before, err := os.ReadFile(w.path)
	if err == nil && !wanted && bytes.Equal(before, last) {
		return before, nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(settle):
		}
		again, err2 := os.ReadFile(w.path)
		if err == nil && err2 == nil && bytes.Equal(before, again) {
			return again, nil
		}
		if err != nil && err2 != nil {
			return nil, err2
		}
		before, err = again, err2
	}
}

// events tells of changes in the file's folder, and in the one a symbolic
// link leads to: an editor puts a new file in the place of the old one, and
// Kubernetes turns a link.
func (w *fileWatch) events(ctx context.Context, running *sync.WaitGroup) <-chan struct{} {
	out := make(chan struct{}, 1)
	n, err := fsnotify.NewWatcher()
	if err == nil {
		err = n.Add(filepath.Dir(w.path))
	}
	if err != nil {
		w.log.Warn("cannot watch the document's folder; reading it from time to time instead", "path", w.path, "every", look, "error", err)
		if n != nil {
			n.Close()
		}
		return out
	}
	if real, err := filepath.EvalSymlinks(w.path); err == nil && filepath.Dir(real) != filepath.Dir(w.path) {
		_ = n.Add(filepath.Dir(real)) // the folder of the link suffices where this fails
	}
	running.Go(func() {
		defer n.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case _ = <-n.Errors: // an overflow; the poll makes up for it
			case <-n.Events:
				select {
				case out <- struct{}{}:
				default:
				}
			}
		}
	})
	return out
}

// readDocument parses a document's file: JSON by its name, YAML otherwise. The
// error is spec.Errors where it can name fields.
func readDocument(path string, content []byte, ports spec.Ports) (*spec.Document, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	parse := spec.ParseYAML
	if strings.EqualFold(filepath.Ext(path), ".json") {
		parse = spec.ParseJSON
	}
	d := new(spec.Document)
	if err := parse(content, d); err != nil {
		return nil, err
	}
	if err := d.Validate(ports); err != nil {
		return nil, err
	}
	return d, nil
}

// fileHead names a file's content as a revision.
func fileHead(content []byte) generation.Head {
	sum := sha256.Sum256(content)
	return generation.Head{Lineage: "file", Digest: hex.EncodeToString(sum[:])}
}
