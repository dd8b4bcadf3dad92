package cli

import (
	"io"
	"log/slog"
	"os"

	"github.com/DeRuina/timberjack"

	"yumen/conf"
)

// logs are what a process writes: its own log and the access log.
type logs struct {
	*slog.Logger
	Access io.Writer // nil for none
	files  []*timberjack.Logger
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

func openLogs(c conf.Log) *logs {
	l := &logs{}
	options := &slog.HandlerOptions{Level: levels[c.Level]}
	var out io.Writer = os.Stderr
	if c.File != "" {
		out = l.file(c, c.File)
	}
	if c.Format == "json" {
		l.Logger = slog.New(slog.NewJSONHandler(out, options))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(out, options))
	}
	switch c.Access {
	case "stdout":
		l.Access = os.Stdout
	case "none", "":
	default:
		l.Access = l.file(c, c.Access)
	}
	return l
}

func (l *logs) file(c conf.Log, path string) io.Writer {
	f := &timberjack.Logger{
		Filename: path, MaxSize: c.MaxSize, MaxBackups: c.MaxFiles, MaxAge: int(c.MaxAge.Hours() / 24), FileMode: 0o600,
	}
	l.files = append(l.files, f)
	return f
}

// Reopen closes the files, so that the next line opens them anew (SIGUSR1,
// after somebody moved them).
func (l *logs) Reopen() {
	for _, f := range l.files {
		_ = f.Close()
	}
}
