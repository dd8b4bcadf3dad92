package dashboard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/dao"
)

func TestAPersonLogsInSeesWhoTheyAreAndLogsOut(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.browser()
		var me Me
		b.login("admin", password).into(200, &me)
		require.Equal(t, "admin", me.Account)
		require.Equal(t, "admin", me.Role)
		require.Contains(t, me.Permissions, "services:write")
		require.False(t, me.MustChangePassword)
		var again Me
		b.get("/me").into(200, &again)
		require.Equal(t, me.Session.ID, again.Session.ID)
		require.WithinDuration(t, time.Now().Add(7*24*time.Hour), me.Session.ExpiresAt, time.Minute)
		b.post("/logout", nil).is(204)
		b.get("/me").problem(401, "unauthenticated")
	})
}

func TestThereIsNoDefaultPassword(t *testing.T) {
	w := start(t, func(w *world) { w.config.AdminPassword = "" })
	for _, guess := range []string{"123456", "admin", "password", "", "yumen"} {
		w.browser().post("/login", LoginRequest{Account: "admin", Password: guess}).problem(401, "bad_credentials")
	}
}

func TestTheFirstPasswordIsSaidOnceAndItsFileGoesWithTheFirstChange(t *testing.T) {
	var file string
	w := start(t, func(w *world) {
		file = w.t.TempDir() + "/admin-password"
		w.config.AdminPassword, w.config.PasswordFile = "", file
	})
	made := strings.TrimSpace(readFile(t, file))
	require.GreaterOrEqual(t, len(made), minPassword)
	require.Equal(t, 1, strings.Count(w.notice.String(), made))
	require.NotContains(t, w.logs.String(), made)

	b := w.browser()
	b.login("admin", made)
	var about Installation
	b.get("/meta").into(200, &about)
	require.Contains(t, about.Warnings, "password_file")
	b.send("PUT", "/me/password", PasswordRequest{Current: made, New: "another long password"}).is(204)
	require.NoFileExists(t, file)

	said := w.notice.String()
	w.stop()
	w.run()
	require.Equal(t, said, w.notice.String(), "nothing is said at the second start")
	w.browser().login("admin", "another long password")
}

func TestAGivenPasswordNeverChangesAnExistingOne(t *testing.T) {
	w := start(t)
	w.stop()
	w.config.AdminPassword = "quite another password"
	w.run()
	w.browser().post("/login", LoginRequest{Account: "admin", Password: "quite another password"}).problem(401, "bad_credentials")
	w.browser().login("admin", password)
}

func TestTheFirstPasswordMustBeLong(t *testing.T) {
	_, err := New(Config{AdminPassword: "short"}, nil, nil, nil, nil, nil)
	require.ErrorContains(t, err, "weak_password")
}

func TestTheSixthWrongPasswordMustWaitAndTheRightOneFromElsewhereNeedNot(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		w.Server.cfg.TrustedProxies = nil
		wrong := LoginRequest{Account: "admin", Password: "wrong password"}
		b := w.browser()
		for range 5 {
			b.post("/login", wrong).problem(401, "bad_credentials")
		}
		a := b.post("/login", wrong)
		a.problem(429, "too_many_attempts")
		require.Equal(t, "4", a.header.Get("Retry-After"))
		b.post("/login", LoginRequest{Account: "admin", Password: password}).problem(429, "too_many_attempts")

		// The delay grows with each wrong one.
		waits := []time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second}
		for _, wait := range waits[:2] {
			w.shift.Add(int64(wait))
			b.post("/login", wrong).problem(401, "bad_credentials")
			b.post("/login", wrong).problem(429, "too_many_attempts")
		}

		// From elsewhere the right one works at once.
		elsewhere := w.browser()
		elsewhere.client.Transport = from(t, "127.0.0.2")
		elsewhere.login("admin", password)

		// And here, after the wait.
		w.shift.Add(int64(waits[2]))
		b.login("admin", password)
		b.post("/login", wrong).problem(401, "bad_credentials")
	})
}

func TestTheTwentiethWrongPasswordFromAnAddressMustWaitWhateverTheAccount(t *testing.T) {
	w := start(t)
	b := w.browser()
	for i := range 19 {
		b.post("/login", LoginRequest{Account: "nobody-" + string(rune('a'+i)), Password: "wrong password"}).problem(401, "bad_credentials")
	}
	b.post("/login", LoginRequest{Account: "somebody", Password: "wrong password"}).problem(429, "too_many_attempts")
	elsewhere := w.browser()
	elsewhere.client.Transport = from(t, "127.0.0.2")
	elsewhere.login("admin", password)
}

func TestManyGuessesAtOnceAreNoWayRound(t *testing.T) {
	w := start(t)
	codes := make(chan int, 40)
	for range 40 {
		go func() {
			a, err := w.browser().try("POST", "/login", LoginRequest{Account: "admin", Password: "wrong password"})
			if err != nil {
				codes <- 0
				return
			}
			codes <- a.status
		}()
	}
	judged := 0
	for range 40 {
		if <-codes == 401 {
			judged++
		}
	}
	require.LessOrEqual(t, judged, 5)
}

func TestAnUnknownAccountAnAShutOneAndAWrongPasswordSayTheSame(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		w.as("viewer")
		require.NoError(t, w.store.UpdateAdmin(t.Context(), system(), dao.Admin{Account: "viewer-1", Role: "viewer", Disabled: true}))
		texts := map[string]bool{}
		took := map[string]time.Duration{}
		for _, in := range []LoginRequest{{"nobody", "wrong password"}, {"admin", "wrong password"}, {"viewer-1", password}, {"", ""}, {"admin", strings.Repeat("x", 5000)}} {
			begin := time.Now()
			p := w.browser().post("/login", in).problem(401, "bad_credentials")
			took[in.Account] = time.Since(begin)
			p.RequestID = ""
			texts[p.Title+p.Code] = true
			require.Empty(t, p.Params)
		}
		require.Len(t, texts, 1)
		// Both pay for the hash; half of it is far more than a look-up takes.
		require.Greater(t, took["nobody"], took["admin"]/4)
	})
}

func TestPasswordsAreArgon2idInTheDatabase(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		a, err := w.store.AdminByAccount(t.Context(), "admin")
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(a.PasswordHash, "$argon2id$v=19$m=19456,t=2,p=1$"), a.PasswordHash)
		ok, err := verifyPassword(a.PasswordHash, password)
		require.NoError(t, err)
		require.True(t, ok)
	})
}

func TestALoginMakesANewSessionAndTheOldOneIsDead(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.admin()
		old := b.cookie()
		var before, after Me
		b.get("/me").into(200, &before)
		b.login("admin", password).into(200, &after)
		require.NotEqual(t, before.Session.ID, after.Session.ID)
		require.NotEqual(t, old.Value, b.cookie().Value)
		w.with(old).get("/me").problem(401, "unauthenticated")

		dead := b.cookie()
		b.post("/logout", nil).is(204)
		w.with(dead).get("/me").problem(401, "unauthenticated")
	})
}

func TestAPlantedSessionIDIsNeverTaken(t *testing.T) {
	w := start(t)
	planted := &http.Cookie{Name: cookiePlain, Value: "planted"}
	b := w.with(planted)
	b.login("admin", password)
	w.with(planted).get("/me").problem(401, "unauthenticated")
	require.NotEqual(t, "planted", b.cookie().Value)
}

func TestAPasswordChangeEndsEveryOtherSessionAndRenewsThisOne(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		here, there := w.admin(), w.admin()
		old := here.cookie()
		here.send("PUT", "/me/password", PasswordRequest{Current: "not this one", New: "another long password"}).problem(403, "wrong_password")
		here.send("PUT", "/me/password", PasswordRequest{Current: password, New: "short"}).problem(422, "weak_password")
		here.send("PUT", "/me/password", PasswordRequest{Current: password, New: strings.Repeat("é", 257)}).problem(422, "weak_password")
		here.send("PUT", "/me/password", PasswordRequest{Current: password, New: "another long password"}).is(204)
		here.get("/me").is(200)
		there.get("/me").problem(401, "unauthenticated")
		w.with(old).get("/me").problem(401, "unauthenticated")
		w.browser().post("/login", LoginRequest{Account: "admin", Password: password}).problem(401, "bad_credentials")
		w.browser().login("admin", "another long password")
	})
}

func TestGuessingTheCurrentPasswordIsSlowedDownToo(t *testing.T) {
	w := start(t)
	b := w.admin()
	for range 5 {
		b.send("PUT", "/me/password", PasswordRequest{Current: "wrong password", New: "another long password"}).problem(403, "wrong_password")
	}
	b.send("PUT", "/me/password", PasswordRequest{Current: password, New: "another long password"}).problem(429, "too_many_attempts")
}

func TestTheCookieIsForThisServerAndNoScript(t *testing.T) {
	w := start(t, func(w *world) { w.config.PublicURL = "https://console.example.com" })
	in := LoginRequest{Account: "admin", Password: password}
	plain := w.browser().post("/login", in).header.Get("Set-Cookie")
	require.True(t, strings.HasPrefix(plain, "yumen="), plain)
	for _, part := range []string{"; HttpOnly", "; SameSite=Strict", "; Path=/"} {
		require.Contains(t, plain, part)
	}
	require.NotContains(t, plain, "Secure")

	b := w.browser()
	req, err := http.NewRequest("POST", b.base+"/api/v1/login", strings.NewReader(`{"account":"admin","password":"`+password+`"}`))
	require.NoError(t, err)
	req.Host = "console.example.com"
	req.Header.Set("Content-Type", "application/json")
	res, err := b.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	secure := res.Header.Get("Set-Cookie")
	require.True(t, strings.HasPrefix(secure, "__Host-yumen="), secure)
	for _, part := range []string{"; HttpOnly", "; SameSite=Strict", "; Path=/", "; Secure"} {
		require.Contains(t, secure, part)
	}
	require.NotContains(t, secure, "Domain")
}

func TestASessionEndsWhenNobodyUsesItAndInAnyCaseInTheEnd(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		w.Server.cfg.SessionIdle = time.Hour
		b := w.admin()
		for range 3 { // using it keeps it
			w.shift.Add(int64(50 * time.Minute))
			b.get("/me").is(200)
		}
		w.shift.Add(int64(61 * time.Minute))
		b.get("/me").problem(401, "unauthenticated")

		w.Server.cfg.SessionMax = 90 * time.Minute
		b.login("admin", password)
		w.shift.Add(int64(50 * time.Minute))
		b.get("/me").is(200)
		w.shift.Add(int64(41 * time.Minute))
		b.get("/me").problem(401, "unauthenticated")
	})
}

func TestAForcedChangeOfPasswordComesBeforeEverythingElse(t *testing.T) {
	w := start(t)
	w.as("operator")
	hash, err := HashPassword("operator-1", password)
	require.NoError(t, err)
	require.NoError(t, w.store.SetPassword(t.Context(), system(), "operator-1", hash, true))
	b := w.browser()
	b.login("operator-1", password)
	b.get("/services").problem(403, "password_change_required")
	b.get("/me").is(200)
	b.send("PUT", "/me/password", PasswordRequest{Current: password, New: "another long password"}).is(204)
	b.get("/services").is(200)
}

func TestEveryLoginAttemptIsInTheAuditTrail(t *testing.T) {
	forEach(t, func(t *testing.T, w *world) {
		b := w.browser()
		b.post("/login", LoginRequest{Account: "admin", Password: "wrong password"}).is(401)
		b.post("/login", LoginRequest{Account: "line\nbreak\x00", Password: "wrong password"}).is(401)
		b.login("admin", password)
		var trail AuditList
		b.get("/audit?action=login").into(200, &trail)
		var results []string
		for _, r := range trail.Items {
			results = append(results, r.Account+":"+r.Result)
			require.Equal(t, "127.0.0.1", r.Address)
			require.NotEmpty(t, r.RequestID)
		}
		require.Equal(t, []string{"admin:ok", "line\nbreak\x00:bad_credentials", "admin:bad_credentials"}, results)
		require.NotContains(t, w.logs.String(), "wrong password")
	})
}

func TestASessionSurvivesARestart(t *testing.T) {
	w := start(t)
	b := w.admin()
	w.stop()
	w.run()
	b.base = "http://" + w.Address()
	b.client.Jar.SetCookies(mustURL(t, b.base), []*http.Cookie{b.cookie()})
	b.get("/me").is(200)
}
