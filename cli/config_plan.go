package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yumen/dao"
	"yumen/spec"
)

func configPlan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Say what applying a document would change",
		Long: `Say what applying a document would change, object by object and field by field,
and change nothing. The exit status is 0 when there is nothing to change, 2 when
there is, 1 when the document could not be applied. "-" is standard input.

Only what the file names is created or changed; with --prune what it does not
name is deleted: services, tenants, credentials, blacklist rules, settings.`,
		Example: `  yumen config plan gateway.yaml
  yumen config plan --prune gateway.yaml
  git show main:gateway.yaml | yumen config plan -`,
		Args: cobra.ExactArgs(1),
	}
	bindInstallation(cmd)
	prune := cmd.Flags().Bool("prune", false, "delete what the file does not name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in, err := openInstallation(cmd, reading)
		if err != nil {
			return err
		}
		defer in.Close()
		r, err := applying(cmd, args[0], *prune)
		if err != nil {
			return err
		}
		return r.show(cmd, in)
	}
	return cmd
}

// applying is the release that a file makes.
func applying(cmd *cobra.Command, file string, prune bool) (release, error) {
	doc, err := readDocument(cmd, file)
	if err != nil {
		return release{}, err
	}
	how, at := dao.AddAndChange, time.Now()
	if prune {
		how = dao.MakeEqual
	}
	return release{source: file, message: "apply " + file, change: func(d *dao.Draft) error {
		_, err := d.Import(doc, how, at)
		return err
	}}, nil
}

// maxDocument bounds a file, in bytes, as the admin API does.
const maxDocument = 32 << 20

// readDocument reads a document in YAML or JSON; "-" is standard input.
func readDocument(cmd *cobra.Command, file string) (*spec.Document, error) {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("%s is larger than 32 MiB", file)
	}
	doc, parse := new(spec.Document), spec.ParseYAML
	if strings.HasSuffix(file, ".json") || bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) && bytes.ContainsRune(b, '\t') {
		parse = spec.ParseJSON // which, unlike YAML, may be indented by tabs
	}
	if err := parse(b, doc); err != nil {
		return nil, invalid(cmd, file, err)
	}
	return doc, nil
}
