package reverseproxy

import (
	"yumen/message"
	"yumen/middleware"
)

// NewFrames gives what follows frames: told of bytes, it says whether a frame
// may be put in after them.
func NewFrames() func([]byte) bool {
	f := new(frames)
	return func(p []byte) bool {
		f.pass(p)
		return f.between()
	}
}

// MapLocation and MapCookie give back what "/app" was stripped from.
func MapLocation(s string) string { return mapping().location(s) }

func MapCookie(s string) string { return mapping().cookie(s) }

func mapping() *pass {
	x := message.New(nil)
	x.Request.Authority = "a"
	return &pass{x: x, stripped: "/app", target: "127.0.0.1:1", origin: middleware.Origin{Scheme: "http", Host: "a"}}
}
