package proxyserver

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// watched collects what a fileWatch gives.
type watched struct {
	mu        sync.Mutex
	contents  []string
	confirmed []bool
	errors    []string
}

func (w *watched) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.contents) == 0 {
		return ""
	}
	return w.contents[len(w.contents)-1]
}

func (w *watched) failures() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.errors)
}

func watchOf(t *testing.T, path string, reload chan struct{}) *watched {
	t.Helper()
	out := new(watched)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	f := &fileWatch{path: path, log: slog.New(slog.DiscardHandler), reload: reload, retry: func() bool { return false }}
	go func() {
		defer close(done)
		f.run(ctx, func(b []byte, confirmed bool) {
			out.mu.Lock()
			defer out.mu.Unlock()
			out.contents, out.confirmed = append(out.contents, string(b)), append(out.confirmed, confirmed)
		}, func(err error) {
			out.mu.Lock()
			defer out.mu.Unlock()
			out.errors = append(out.errors, err.Error())
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, 10*time.Millisecond, what)
}

func TestAChangedFileIsReadOnceTwoReadsAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	w := watchOf(t, path, nil)
	eventually(t, "the first content", func() bool { return w.last() == "one" })

	// Somebody writes it piece by piece.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	text := ""
	for range 15 {
		_, err := f.WriteString("piece ")
		require.NoError(t, err)
		text += "piece "
		time.Sleep(20 * time.Millisecond)
	}
	require.NoError(t, f.Close())
	eventually(t, "the whole content", func() bool { return w.last() == text })
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Equal(t, []string{"one", text}, w.contents, "no half was given")
}

func TestAFileThatIsReplacedOrTurnedByALinkIsNoticed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.yaml")
	for _, version := range []string{"v1", "v2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, version, "gateway.yaml"), []byte(version), 0o600))
	}
	require.NoError(t, os.Symlink("v1", filepath.Join(dir, "data")))
	require.NoError(t, os.Symlink("data/gateway.yaml", path))
	w := watchOf(t, path, nil)
	eventually(t, "the first content", func() bool { return w.last() == "v1" })

	require.NoError(t, os.Symlink("v2", filepath.Join(dir, "next"))) // as Kubernetes does
	require.NoError(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "data")))
	eventually(t, "the link turned", func() bool { return w.last() == "v2" })

	require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), []byte("v3"), 0o600)) // as editors do
	require.NoError(t, os.Rename(filepath.Join(dir, "new"), path))
	eventually(t, "the file replaced", func() bool { return w.last() == "v3" })
}

func TestAnAbsentFileIsSaidOnceAndReadWhenItComes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	w := watchOf(t, path, nil)
	eventually(t, "the failure", func() bool { return w.failures() == 1 })
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "unrelated"), nil, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("here"), 0o600))
	eventually(t, "the content", func() bool { return w.last() == "here" })
	require.Equal(t, 1, w.failures())
}

func TestReloadReadsAgainAndConfirms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte("same"), 0o600))
	reload := make(chan struct{}, 1)
	w := watchOf(t, path, reload)
	eventually(t, "the first content", func() bool { return w.last() == "same" })
	reload <- struct{}{}
	eventually(t, "the second", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.confirmed) == 2 })
	require.Equal(t, []bool{false, true}, w.confirmed)
}
