package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/backup"
	"maunium.net/go/mautrix/crypto/cryptohelper"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// keep puts all keys of messages that the device has into a new backup on the
// server, and tells the key to it.
func keep(ctx context.Context, p *person, _ words) (any, error) {
	key, err := backup.NewMegolmBackupKey()
	if err != nil {
		return nil, err
	}
	made, err := p.CreateKeyBackupVersion(ctx, &mautrix.ReqRoomKeysVersionCreate[backup.MegolmAuthData]{
		Algorithm: id.KeyBackupAlgorithmMegolmBackupV1,
		AuthData:  backup.MegolmAuthData{PublicKey: id.Ed25519(base64.RawStdEncoding.EncodeToString(key.PublicKey().Bytes()))},
	})
	if err != nil {
		return nil, err
	}
	sessions, err := p.Crypto.(*cryptohelper.CryptoHelper).Machine().CryptoStore.GetAllGroupSessions(ctx).AsList()
	if err != nil {
		return nil, err
	}
	req := &mautrix.ReqKeyBackup{Rooms: map[id.RoomID]mautrix.ReqRoomKeyBackup{}}
	for _, s := range sessions {
		first := s.Internal.FirstKnownIndex()
		exported, err := s.Internal.Export(first)
		if err != nil {
			return nil, err
		}
		sealed, err := backup.EncryptSessionData(key, backup.MegolmSessionData{
			Algorithm: id.AlgorithmMegolmV1, ForwardingKeyChain: s.ForwardingChains,
			SenderClaimedKeys: backup.SenderClaimedKeys{Ed25519: s.SigningKey}, SenderKey: s.SenderKey, SessionKey: string(exported),
		})
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(sealed)
		if err != nil {
			return nil, err
		}
		if _, ok := req.Rooms[s.RoomID]; !ok {
			req.Rooms[s.RoomID] = mautrix.ReqRoomKeyBackup{Sessions: map[id.SessionID]mautrix.ReqKeyBackupData{}}
		}
		req.Rooms[s.RoomID].Sessions[s.ID()] = mautrix.ReqKeyBackupData{FirstMessageIndex: int(first), SessionData: text}
	}
	done, err := p.PutKeysInBackup(ctx, made.Version, req)
	if err != nil {
		return nil, err
	}
	return map[string]any{"key": base64.StdEncoding.EncodeToString(key.Bytes()), "count": done.Count}, nil
}

// unlock takes the keys out of the backup on the server.
func unlock(ctx context.Context, p *person, w words) (any, error) {
	raw, err := base64.StdEncoding.DecodeString(w.Key)
	if err != nil {
		return nil, err
	}
	key, err := backup.MegolmBackupKeyFromBytes(raw)
	if err != nil {
		return nil, err
	}
	version, err := p.Crypto.(*cryptohelper.CryptoHelper).Machine().DownloadAndStoreLatestKeyBackup(ctx, key)
	if err == nil && version == "" {
		err = errors.New("there is no backup of keys")
	}
	return nil, err
}

// history asks the server for a message of the past, newest first, and
// decrypts it with the keys that the device has now.
func history(ctx context.Context, p *person, w words) (any, error) {
	for from := ""; ; {
		page, err := p.Messages(ctx, w.Room, from, "", mautrix.DirectionBackward, nil, 100)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Chunk {
			if w.Event != "" && e.ID != w.Event {
				continue
			}
			plain, err := p.open(ctx, e)
			if err != nil && w.Event != "" {
				return nil, err
			}
			if err != nil || plain.Type != event.EventMessage || w.Body != "" && plain.Content.AsMessage().Body != w.Body {
				continue
			}
			p.arrived(ctx, plain) // for commands that want more of it
			return message{plain.ID, plain.Sender, plain.Content.AsMessage().Body, plain.Mautrix.WasEncrypted}, nil
		}
		if from = page.End; from == "" || len(page.Chunk) == 0 {
			return nil, fmt.Errorf("%s finds no message %s %q in the history of %s", p.UserID, w.Event, w.Body, w.Room)
		}
	}
}

// open returns an event as a sync would bring it.
func (p *person) open(ctx context.Context, e *event.Event) (*event.Event, error) {
	if err := e.Content.ParseRaw(e.Type); err != nil && !errors.Is(err, event.ErrUnsupportedContentType) && !errors.Is(err, event.ErrContentAlreadyParsed) {
		return nil, err
	}
	if e.Type != event.EventEncrypted {
		return e, nil
	}
	return p.Crypto.Decrypt(ctx, e)
}
