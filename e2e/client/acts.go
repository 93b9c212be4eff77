package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/attachment"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
	"maunium.net/go/mautrix/pushrules"
)

// words are what commands are told.
type words struct {
	Room      id.RoomID   `json:"room"`
	Name      string      `json:"name"`
	Invite    []id.UserID `json:"invite"`
	Encrypted bool        `json:"encrypted"`
	Via       []string    `json:"via"`
	Body      string      `json:"body"`
	Event     id.EventID  `json:"event"`
	User      id.UserID   `json:"user"`
	Pattern   string      `json:"pattern"`
	Rule      string      `json:"rule"`
	Key       string      `json:"key"`
}

// message is one that somebody saw.
type message struct {
	Event     id.EventID `json:"event"`
	Sender    id.UserID  `json:"sender"`
	Body      string     `json:"body"`
	Encrypted bool       `json:"encrypted"`
}

var acts = map[string]func(context.Context, *person, words) (any, error){
	"create":  create,
	"join":    join,
	"send":    send,
	"file":    sendFile,
	"fetch":   fetch,
	"sees":    sees,
	"read":    read,
	"receipt": receipt,
	"typing":  typing,
	"types":   types,
	"rule":    rule,
	"applies": applies,
	"joined":  joined,
	"keep":    keep,
	"unlock":  unlock,
	"history": history,
	"trouble": func(_ context.Context, p *person, _ words) (any, error) { return p.failures(), nil },
}

// create makes a room that those who are invited, and nobody else, may join.
func create(ctx context.Context, p *person, w words) (any, error) {
	req := &mautrix.ReqCreateRoom{Name: w.Name, Invite: w.Invite, Preset: "private_chat"}
	if w.Encrypted {
		req.InitialState = []*event.Event{{
			Type:    event.StateEncryption,
			Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}},
		}}
	}
	res, err := p.CreateRoom(ctx, req)
	if err != nil {
		return nil, err
	}
	return map[string]any{"room": res.RoomID}, nil
}

// join waits for the invitation.
func join(ctx context.Context, p *person, w words) (any, error) {
	if _, err := p.await(ctx, "invitation to "+string(w.Room), func(e *event.Event) bool {
		return e.RoomID == w.Room && e.Type == event.StateMember && e.GetStateKey() == string(p.UserID) &&
			e.Content.AsMember().Membership == event.MembershipInvite
	}); err != nil {
		return nil, err
	}
	_, err := p.JoinRoom(ctx, string(w.Room), &mautrix.ReqJoinRoom{Via: w.Via})
	return nil, err
}

// joined waits until somebody is in a room.
func joined(ctx context.Context, p *person, w words) (any, error) {
	_, err := p.await(ctx, fmt.Sprintf("%s join %s", w.User, w.Room), func(e *event.Event) bool {
		return e.RoomID == w.Room && e.Type == event.StateMember && e.GetStateKey() == string(w.User) &&
			e.Content.AsMember().Membership == event.MembershipJoin
	})
	return nil, err
}

// send encrypts where the room is encrypted, and shares the session before.
func send(ctx context.Context, p *person, w words) (any, error) {
	res, err := p.SendText(ctx, w.Room, w.Body)
	if err != nil {
		return nil, err
	}
	return map[string]any{"event": res.EventID}, nil
}

// sees waits for a message by its identifier or its text.
func sees(ctx context.Context, p *person, w words) (any, error) {
	e, err := p.message(ctx, w)
	if err != nil {
		return nil, err
	}
	return message{e.ID, e.Sender, e.Content.AsMessage().Body, e.Mautrix.WasEncrypted}, nil
}

func (p *person) message(ctx context.Context, w words) (*event.Event, error) {
	return p.await(ctx, fmt.Sprintf("message %s %q", w.Event, w.Body), func(e *event.Event) bool {
		return e.RoomID == w.Room && e.Type == event.EventMessage &&
			(w.Event == "" || e.ID == w.Event) && (w.Body == "" || e.Content.AsMessage().Body == w.Body)
	})
}

// sendFile uploads a text as a file, which is encrypted before, and tells of it.
func sendFile(ctx context.Context, p *person, w words) (any, error) {
	file := &event.EncryptedFileInfo{EncryptedFile: *attachment.NewEncryptedFile()}
	text := []byte(w.Body)
	file.EncryptInPlace(text)
	up, err := p.UploadBytes(ctx, text, "application/octet-stream")
	if err != nil {
		return nil, err
	}
	file.URL = up.ContentURI.CUString()
	res, err := p.SendMessageEvent(ctx, w.Room, event.EventMessage, &event.MessageEventContent{
		MsgType: event.MsgFile, Body: w.Name, FileName: w.Name, File: file,
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"event": res.EventID, "url": file.URL}, nil
}

// fetch waits for a file, downloads and decrypts it.
func fetch(ctx context.Context, p *person, w words) (any, error) {
	e, err := p.message(ctx, w)
	if err != nil {
		return nil, err
	}
	file := e.Content.AsMessage().File
	if file == nil {
		return nil, errors.New("there is no file in the message")
	}
	uri, err := file.URL.Parse()
	if err != nil {
		return nil, err
	}
	text, err := p.DownloadBytes(ctx, uri)
	if err != nil {
		return nil, err
	}
	if err = file.DecryptInPlace(text); err != nil {
		return nil, err
	}
	return map[string]any{"text": string(text), "url": uri.String()}, nil
}

// read tells that a message was read, receipt waits until somebody tells it.
func read(ctx context.Context, p *person, w words) (any, error) {
	return nil, p.MarkRead(ctx, w.Room, w.Event)
}

func receipt(ctx context.Context, p *person, w words) (any, error) {
	_, err := p.await(ctx, fmt.Sprintf("receipt of %s for %s", w.User, w.Event), func(e *event.Event) bool {
		if e.RoomID != w.Room || e.Type != event.EphemeralEventReceipt {
			return false
		}
		_, ok := (*e.Content.AsReceipt())[w.Event][event.ReceiptTypeRead][w.User]
		return ok
	})
	return nil, err
}

// typing tells that one types, types waits until somebody does.
func typing(ctx context.Context, p *person, w words) (any, error) {
	_, err := p.UserTyping(ctx, w.Room, true, 30*time.Second)
	return nil, err
}

func types(ctx context.Context, p *person, w words) (any, error) {
	_, err := p.await(ctx, "typing of "+string(w.User), func(e *event.Event) bool {
		return e.RoomID == w.Room && e.Type == event.EphemeralEventTyping && slices.Contains(e.Content.AsTyping().UserIDs, w.User)
	})
	return nil, err
}

// rule makes messages with a word in them ring and stand out.
func rule(ctx context.Context, p *person, w words) (any, error) {
	_, err := p.MakeRequest(ctx, "PUT", p.BuildClientURL("v3", "pushrules", "global", pushrules.ContentRule, w.Rule), map[string]any{
		"pattern": w.Pattern,
		"actions": []any{"notify", map[string]any{"set_tweak": "highlight"}, map[string]any{"set_tweak": "sound", "value": "bing"}},
	}, nil)
	return nil, err
}

// applies waits for the rule to come with a sync, and tells which rule is for a message.
func applies(ctx context.Context, p *person, w words) (any, error) {
	rules, err := p.await(ctx, "push rule "+w.Rule, func(e *event.Event) bool {
		c, ok := e.Content.Parsed.(*pushrules.EventContent)
		return ok && slices.ContainsFunc(c.Ruleset.Content, func(r *pushrules.PushRule) bool { return r.RuleID == w.Rule })
	})
	if err != nil {
		return nil, err
	}
	e, err := p.message(ctx, words{Room: w.Room, Event: w.Event})
	if err != nil {
		return nil, err
	}
	r := rules.Content.Parsed.(*pushrules.EventContent).Ruleset.GetMatchingRule(two{}, e)
	if r == nil {
		return nil, errors.New("no push rule is for the message")
	}
	actions, err := json.Marshal(r.Actions)
	return map[string]any{"rule": r.RuleID, "actions": json.RawMessage(actions)}, err
}

// two is a room of two without names.
type two struct{}

func (two) GetOwnDisplayname() string { return "" }
func (two) GetMemberCount() int       { return 2 }
