package upstream

// Digests are of the targets this pool dials now. Whoever keeps connections by
// them may let go of the others.
func (p *Pool) Digests() []string {
	v := p.view.Load()
	out := make([]string, 0, len(v.all))
	for _, m := range v.all {
		out = append(out, m.target.Digest)
	}
	return out
}
