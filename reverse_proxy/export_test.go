package reverseproxy

// NewFrames gives what follows frames: told of bytes, it says whether a frame
// may be put in after them.
func NewFrames() func([]byte) bool {
	f := new(frames)
	return func(p []byte) bool {
		f.pass(p)
		return f.between()
	}
}
