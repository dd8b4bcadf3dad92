package cli

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal is both ends of one: what people type into and what a program
// reads from.
func terminal(t *testing.T) (people, program *os.File) {
	t.Helper()
	people, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(people.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(people.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close(); people.Close() })
	return people, program
}

func TestOnATerminalTheAnswerDecides(t *testing.T) {
	s := upSite(t)
	s.ok(t, "config", "apply", s.document(t, services("a")))
	s.ok(t, "config", "apply", s.document(t, services("b", "c")))
	for answer, status := range map[string]int{"\n": 1, "n\n": 1, "yes please\n": 0, "Y\n": 0} {
		people, program := terminal(t)
		_, err := people.WriteString(answer)
		require.NoError(t, err)
		var out, errs bytes.Buffer
		root := rootCommand()
		root.SetArgs(append([]string{"config", "rollback", "1"}, s.flags...))
		root.SetIn(program)
		root.SetOut(&out)
		root.SetErr(&errs)
		before := s.head(t).Number
		require.Equal(t, status, execute(t.Context(), root), "%q: %s", answer, errs.String())
		require.Contains(t, errs.String(), "of 3 services") // asked before
		if status == 0 {
			require.Equal(t, before+1, s.head(t).Number)
			s.ok(t, "config", "apply", s.document(t, services("b", "c")))
		} else {
			require.Contains(t, errs.String(), "nothing is done")
			require.Equal(t, before, s.head(t).Number)
		}
	}
}
