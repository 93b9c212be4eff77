package postgresuser

import "testing"

func TestVerifier(t *testing.T) {
	salt := []byte("0123456789abcdef")
	v := verifier("s3cret", salt)
	if !isVerifier(v) || !matches(v, "s3cret") || matches(v, "s3creT") || !matches(v, v) {
		t.Errorf("%s does not hold", v)
	}
	if matches("md5c1a0", "s3cret") || matches("", "s3cret") || isVerifier(verifierPrefix+"4096:x$y:z") {
		t.Error("a verifier that is none was taken")
	}
}

func TestPrepare(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "I\u00adX": "IX", "\u2168": "IX", "a\u00a0b": "a b", "\ufb01": "fi",
		"\u0007\u00aa": "\u0007\u00aa", "\u0627\u0031": "\u0627\u0031",
	} {
		if got := prepare(in); got != want {
			t.Errorf("prepare(%+q) = %+q, not %+q", in, got, want)
		}
	}
}
