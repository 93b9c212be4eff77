// rtctoken stands in for lk-jwt-service, the authorisation service of LiveKit, in
// the tests of the lab. It is not that service, whose program is the user's to
// give: it does what the role livekit has to get right for it, and no more. It
// takes its settings from the same variables and the same key file, proves an
// OpenID token at the homeserver that gave it, has LiveKit make the room, and
// hands out LiveKit's token for it.
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// service is what the variables say.
type service struct {
	key, secret string
	sfu         string   // wss:// address of LiveKit
	full        []string // homeservers whose users may begin a call
	client      *http.Client
}

func main() {
	s, err := fromEnv()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /sfu/get", s.get)
	mux.HandleFunc("POST /sfu_webhook", s.webhook)
	server := &http.Server{Addr: os.Getenv("LIVEKIT_JWT_BIND"), Handler: mux, ReadHeaderTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

func fromEnv() (*service, error) {
	text, err := os.ReadFile(os.Getenv("LIVEKIT_KEY_FILE"))
	if err != nil {
		return nil, err
	}
	key, secret, ok := strings.Cut(strings.TrimSpace(string(text)), ":")
	s := &service{key: key, secret: strings.TrimSpace(secret), sfu: os.Getenv("LIVEKIT_URL"),
		full: strings.Split(os.Getenv("LIVEKIT_FULL_ACCESS_HOMESERVERS"), ",")}
	if !ok || s.secret == "" || s.sfu == "" || s.full[0] == "" {
		return nil, errors.New("LIVEKIT_KEY_FILE, LIVEKIT_URL and LIVEKIT_FULL_ACCESS_HOMESERVERS are not set")
	}
	insecure := os.Getenv("LIVEKIT_INSECURE_SKIP_VERIFY_TLS") == "YES_I_KNOW_WHAT_I_AM_DOING"
	s.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: insecure}}}
	return s, nil
}

// openID is what a homeserver gave its user (POST .../openid/request_token).
type openID struct {
	AccessToken string `json:"access_token"`
	ServerName  string `json:"matrix_server_name"`
}

func (s *service) get(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Room     string `json:"room"`
		DeviceID string `json:"device_id"`
		OpenID   openID `json:"openid_token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || ask.Room == "" {
		refuse(w, http.StatusBadRequest, "M_BAD_JSON", "room, device_id and openid_token are wanted")
		return
	}
	user, err := s.who(r.Context(), ask.OpenID)
	if err != nil {
		log.Print(err)
		refuse(w, http.StatusUnauthorized, "M_UNAUTHORIZED", "the OpenID token does not count")
		return
	}
	if slices.Contains(s.full, ask.OpenID.ServerName) || s.full[0] == "*" {
		if err := s.makeRoom(r.Context(), ask.Room); err != nil {
			log.Print(err)
			refuse(w, http.StatusInternalServerError, "M_UNKNOWN", "LiveKit did not make the room")
			return
		}
	}
	answer(w, http.StatusOK, map[string]string{"url": s.sfu, "jwt": s.token(user+":"+ask.DeviceID, map[string]any{"room": ask.Room, "roomJoin": true, "canPublish": true, "canSubscribe": true})})
}

// who asks the homeserver that a token names for whom it is, as other servers do.
func (s *service) who(ctx context.Context, t openID) (string, error) {
	var found struct {
		Server string `json:"m.server"`
	}
	if err := s.json(ctx, "GET", "https://"+t.ServerName+"/.well-known/matrix/server", "", nil, &found); err != nil {
		return "", err
	}
	var who struct {
		Sub string `json:"sub"`
	}
	if err := s.json(ctx, "GET", "https://"+found.Server+"/_matrix/federation/v1/openid/userinfo?access_token="+url.QueryEscape(t.AccessToken), "", nil, &who); err != nil {
		return "", err
	}
	if _, server, ok := strings.Cut(who.Sub, ":"); !ok || server != t.ServerName {
		return "", fmt.Errorf("%s says that the token is %s's", t.ServerName, who.Sub)
	}
	return who.Sub, nil
}

func (s *service) makeRoom(ctx context.Context, room string) error {
	at := "http" + strings.TrimPrefix(s.sfu, "ws") + "/twirp/livekit.RoomService/CreateRoom"
	return s.json(ctx, "POST", at, s.token("", map[string]any{"roomCreate": true}), map[string]any{"name": room, "empty_timeout": 300}, &struct{}{})
}

// json sends a request and reads the JSON of its answer. Errors name no address: tokens stand there.
func (s *service) json(ctx context.Context, method, at, bearer string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", req.URL.Host, errors.Unwrap(err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s: %.200s", req.URL.Host, req.URL.Path, res.Status, text)
	}
	return json.Unmarshal(text, into)
}

// webhook takes what LiveKit signed with our secret, and says so in the log.
func (s *service) webhook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 || !hmac.Equal([]byte(s.sign(parts[0]+"."+parts[1])), []byte(parts[2])) {
		refuse(w, http.StatusUnauthorized, "M_UNAUTHORIZED", "it is not signed by LiveKit")
		return
	}
	var said struct {
		Event string `json:"event"`
	}
	_ = json.Unmarshal(body, &said)
	log.Printf("LiveKit says %s", said.Event)
}

// token is a JWT of LiveKit's, for an hour.
func (s *service) token(identity string, grant map[string]any) string {
	claims := map[string]any{"iss": s.key, "nbf": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(time.Hour).Unix(), "video": grant}
	if identity != "" {
		claims["sub"] = identity
	}
	b, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(b)
	return text + "." + s.sign(text)
}

func (s *service) sign(text string) string {
	h := hmac.New(sha256.New, []byte(s.secret))
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	answer(w, status, map[string]string{"errcode": code, "error": text})
}

func answer(w http.ResponseWriter, status int, doc map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}
