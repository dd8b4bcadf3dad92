package message

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesCompareWithoutCaseAndValuesStayAsTheyAre(t *testing.T) {
	f := Fields{{"X-A", "1"}, {"x-b", " 2 "}, {"X-a", "3"}}
	require.Equal(t, "1", f.Get("x-A"))
	require.Equal(t, " 2 ", f.Get("X-B"))
	require.Equal(t, []string{"1", "3"}, f.Values("x-a"))
	require.True(t, f.Has("X-B"))
	require.False(t, f.Has("X-C"))
	require.Empty(t, f.Get("X-C"))
	require.Nil(t, f.Values("X-C"))
}

func TestSetKeepsThePlaceOfTheFirstAndDropsTheRest(t *testing.T) {
	f := Fields{{"A", "1"}, {"B", "2"}, {"a", "3"}, {"C", "4"}, {"A", "5"}}
	f.Set("a", "new")
	require.Equal(t, Fields{{"A", "new"}, {"B", "2"}, {"C", "4"}}, f)
	f.Set("D", "added")
	require.Equal(t, "added", f.Get("d"))
	f.Del("b")
	f.Del("nothing")
	require.Equal(t, Fields{{"A", "new"}, {"C", "4"}, {"D", "added"}}, f)
}

func TestTokensAreFoundInListsAndNowhereElse(t *testing.T) {
	f := Fields{{"Connection", "keep-alive, Upgrade"}, {"connection", "\tX-Other ,,"}, {"Other", "upgrade-insecure"}}
	for token, want := range map[string]bool{"upgrade": true, "KEEP-ALIVE": true, "x-other": true, "keep": false, "close": false} {
		require.Equal(t, want, f.Token("Connection", token), token)
	}
	require.False(t, f.Token("Other", "upgrade"))
}

func TestACloneSharesNothing(t *testing.T) {
	text := []byte("X-A: value")
	f := Fields{{string(text[:3]), string(text[5:])}}
	c := f.Clone()
	f[0].Value = "other"
	require.Equal(t, Fields{{"X-A", "value"}}, c)
	require.Nil(t, Fields(nil).Clone())
}

func TestBytesKnowTheirLengthAndCanBeAborted(t *testing.T) {
	b := Bytes([]byte("hello"))
	require.EqualValues(t, 5, b.Len())
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	require.EqualValues(t, 5, b.Len(), "the whole length, whatever was read")

	b = Bytes([]byte("hello"))
	gone := errors.New("gone")
	b.Abort(gone)
	b.Abort(errors.New("too late"))
	_, err = b.Read(make([]byte, 1))
	require.Equal(t, gone, err)
	b = Bytes([]byte("hello"))
	b.Abort(nil)
	_, err = b.Read(make([]byte, 1))
	require.Equal(t, ErrAborted, err)

	_, err = Empty.Read(nil)
	require.Equal(t, io.EOF, err)
}

func TestResetMakesANewExchangeOfAnOldOne(t *testing.T) {
	x := New(nil)
	ran := 0
	x.OnEnd(func(*Outcome) { ran++ })
	x.Request.Fields.Add("A", "1")
	x.Request.Path = "/"
	x.End(&Outcome{})
	x.Reset(nil)
	require.Empty(t, x.Request.Fields)
	require.Empty(t, x.Request.Path)
	x.End(&Outcome{})
	require.Equal(t, 1, ran)
}

func TestAReplayedBodyIsTheSameAgain(t *testing.T) {
	r := NewReplay(Bytes([]byte("hello")), 5)
	first := r.Body()
	got, err := io.ReadAll(io.LimitReader(first, 3))
	require.NoError(t, err)
	require.Equal(t, "hel", string(got))
	second := r.Body()
	_, err = first.Read(make([]byte, 1))
	require.Equal(t, ErrAborted, err, "the first attempt is over")
	first.Abort(errors.New("and harms nobody any more"))
	got, err = io.ReadAll(second)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	require.EqualValues(t, 5, second.Len())
	got, err = io.ReadAll(r.Body())
	require.NoError(t, err)
	require.Equal(t, "hello", string(got), "as often as one likes")
}

func TestABodyThatOutgrowsTheBoundPassesOnce(t *testing.T) {
	r := NewReplay(Bytes([]byte(strings.Repeat("x", 1000))), 100)
	first := r.Body()
	_, err := io.ReadFull(first, make([]byte, 50))
	require.NoError(t, err)
	second := r.Body()
	require.NotNil(t, second, "so far it is known")
	got, err := io.ReadAll(second)
	require.NoError(t, err)
	require.Len(t, got, 1000, "sending never waits for remembering")
	require.Nil(t, r.Body(), "and then it is not")
}

func TestAReplayTellsHowItsSourceFailed(t *testing.T) {
	source := Bytes([]byte("hello"))
	r := NewReplay(source, 100)
	first := r.Body()
	_, err := io.ReadFull(first, make([]byte, 2))
	require.NoError(t, err)
	gone := errors.New("gone")
	first.Abort(gone)
	require.Nil(t, first.Trailers())
	_, err = io.ReadAll(r.Body())
	require.True(t, err == nil || errors.Is(err, gone))
}

func FuzzTokensInAnyList(f *testing.F) {
	f.Add("a, b", "b")
	f.Add(",,\t ,", "")
	f.Fuzz(func(t *testing.T, list, token string) {
		fields := Fields{{"Connection", list}}
		if strings.ContainsAny(token, ", \t") || token == "" {
			return
		}
		if fields.Token("connection", token) != strings.Contains(
			","+strings.ToLower(strings.NewReplacer(" ", "", "\t", "").Replace(list))+",", ","+strings.ToLower(token)+",") &&
			!strings.ContainsAny(list, " \t") && isASCII(list+token) {
			t.Errorf("%q in %q", token, list)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
