package synapseuser

import "testing"

func TestSeal(t *testing.T) {
	yes := true
	a := Args{Password: "hush", Admin: &yes}
	r := a.seal("@a:example.com", []byte("0123456789abcdef"))
	if !a.sealed("@a:example.com", r) {
		t.Error("a record does not hold")
	}
	b := a
	b.Password = "other"
	if b.sealed("@a:example.com", r) || a.sealed("@b:example.com", r) || a.sealed("@a:example.com", "") {
		t.Error("a record of another holds")
	}
}

func TestMAC(t *testing.T) {
	// by Python's hmac over the fields that docs/admin_api/register_api.md names
	if got := registerMAC("shared", "nonce", "user", "pw", true, ""); got != "95d090c4013ba45b5aa6c75bf832b15ecf3c0611" {
		t.Error(got)
	}
	if got := registerMAC("shared", "nonce", "user", "pw", false, "bot"); got != "a130117109dcf92c5fdbad896489e61e88f10a7a" {
		t.Error(got)
	}
}
