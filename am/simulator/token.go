package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// A tokenForm is how a product writes session tokens and handles: SEALED*EXTENSION*.
//
// The sealed part looks encrypted, and differs between a session's token and its handle. The extension contains the
// storage key, which is the same in both. Measured on OpenAM 16.0.5: tokens have 98, 102 or 106 characters; handles
// have the same form with the prefix shandle:.
type tokenForm struct {
	fixed  string // the first bytes of every sealed part
	random int    // number of random bytes after them
	site   string // S1
	typed  bool   // the extension contains type=CTS, and the key in Base64
}

var (
	openamTokens = tokenForm{fixed: "\x01\x02\x02\xe7\x03\x36\x2d\x8e\x12\x7d\xcc", random: 24}
	pingTokens   = tokenForm{random: 20, site: "01", typed: true}
)

// extensionHead is the beginning of every extension: SI=01, and SK, whose value follows.
const extensionHead = "AAJTSQACMDEAAlNL"

const (
	forToken  = 0x746f6b656e
	forHandle = 0x68616e646c65

	handlePrefix = "shandle:"
)

const c66Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// c66 is AM's Base64: safe in a URL, padded with dots.
var c66 = base64.NewEncoding(c66Alphabet).WithPadding('.')

// c66Pairs are the two digits for each value of twelve bits. A listing writes one handle per row, and needs half the
// time with these pairs.
var c66Pairs = func() (pairs [4096][2]byte) {
	for i := range pairs {
		pairs[i] = [2]byte{c66Alphabet[i>>6], c66Alphabet[i&63]}
	}
	return pairs
}()

// appendC66 is c66.AppendEncode, but faster.
func appendC66(dst, src []byte) []byte {
	for len(src) >= 3 {
		n := uint(src[0])<<16 | uint(src[1])<<8 | uint(src[2])
		high, low := &c66Pairs[n>>12], &c66Pairs[n&4095]
		dst = append(dst, high[0], high[1], low[0], low[1])
		src = src[3:]
	}
	if len(src) > 0 {
		dst = c66.AppendEncode(dst, src)
	}
	return dst
}

// errMalformed means that the extension of a token is invalid. AM answers with a 500 without a body.
var errMalformed = errors.New("malformed session token")

// append writes the token of a storage key, or the handle without its prefix.
func (f *tokenForm) append(dst []byte, secret uint64, key int64, purpose uint64) []byte {
	dst = f.appendSealed(dst, secret, key, purpose)
	dst = append(dst, '*')
	dst = f.appendExtension(dst, secret, key)
	return append(dst, '*')
}

func (f *tokenForm) appendSealed(dst []byte, secret uint64, key int64, purpose uint64) []byte {
	var sealed [40]byte
	n := copy(sealed[:], f.fixed)
	state := secret ^ mix(uint64(key)^purpose)
	for i := 0; i < f.random; i += 8 {
		state = mix(state)
		binary.LittleEndian.PutUint64(sealed[n+i:], state)
	}
	return appendC66(dst, sealed[:n+f.random])
}

func (f *tokenForm) appendExtension(dst []byte, secret uint64, key int64) []byte {
	var buf [80]byte
	ext := buf[:0]
	if f.typed {
		var id [20]byte
		binary.BigEndian.PutUint64(id[:], uint64(key)^secret)
		binary.BigEndian.PutUint64(id[8:], mix(uint64(key)))
		binary.BigEndian.PutUint32(id[16:], uint32(mix(uint64(key)+1)))
		ext = append(ext, 0, 28)
		ext = base64.StdEncoding.AppendEncode(ext, id[:])
		ext = appendUTF(appendUTF(ext, "type"), "CTS")
	} else {
		ext = append(ext, 0, 0)
		at := len(ext)
		ext = strconv.AppendInt(ext, key, 10)
		ext[at-1] = byte(len(ext) - at)
	}
	ext = appendUTF(appendUTF(ext, "S1"), f.site)
	return appendC66(append(dst, extensionHead...), ext)
}

// appendUTF is java.io.DataOutput.writeUTF for short ASCII texts.
func appendUTF(dst []byte, s string) []byte {
	return append(append(dst, byte(len(s)>>8), byte(len(s))), s...)
}

// parse parses a token, or any other text that was sent as one. found is false if it does not have the form of a token.
func (f *tokenForm) parse(text string, secret uint64) (key int64, sealed string, found bool, err error) {
	first := strings.IndexByte(text, '*')
	if first < 0 || first == len(text)-1 || text[len(text)-1] != '*' {
		return 0, "", false, nil
	}
	ext, ok := decode(c66, text[first+1:len(text)-1])
	if !ok {
		return 0, "", false, nil
	}
	storage, ok := storageKey(ext)
	if !ok {
		return 0, "", false, errMalformed
	}
	key, found = f.storageNumber(storage, secret)
	return key, text[:first], found, nil
}

// storageNumber decodes the key of the store from SK.
func (f *tokenForm) storageNumber(storage string, secret uint64) (key int64, ok bool) {
	if !f.typed {
		key, err := strconv.ParseInt(storage, 10, 64)
		return key, err == nil
	}
	id, ok := decode(base64.StdEncoding, storage)
	if !ok || len(id) != 20 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(id) ^ secret), true
}

func decode(enc *base64.Encoding, text string) ([]byte, bool) {
	data, err := enc.DecodeString(text)
	return data, err == nil
}

// storageKey reads the pairs of an extension and returns SK.
func storageKey(ext []byte) (key string, ok bool) {
	for len(ext) > 0 {
		var pair [2]string
		for i := range pair {
			if len(ext) < 2 {
				return "", false
			}
			n := int(binary.BigEndian.Uint16(ext))
			if len(ext) < 2+n {
				return "", false
			}
			pair[i], ext = string(ext[2:2+n]), ext[2+n:]
		}
		if pair[0] == "SK" {
			key = pair[1]
		}
	}
	return key, true
}
