package rest_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// The contract is what OpenAM 16.0.5 does, as seen by our client. Its cases set themselves up over REST, so that they
// can run against the simulator and against a real server. If both pass, one can stand for the other.
var contract = []struct {
	name  string
	check func(*world)
	apart bool // not recorded, because it is too long or in an order that changes
}{
	{name: "the right password signs in", check: theRightPasswordSignsIn},
	{name: "a wrong password is refused", check: aWrongPasswordIsRefused},
	{name: "an unknown login realm is not found", check: anUnknownLoginRealmIsNotFound},
	{name: "users sign in under odd names", check: usersSignInUnderOddNames},
	{name: "a disabled user is locked out", check: aDisabledUserIsLockedOut},
	{name: "a login over quota is refused", check: aLoginOverQuotaIsRefused},
	{name: "a chain is chosen by name", check: aChainIsChosenByName},
	{name: "a token signs in and is not ended", check: aTokenSignsInAndIsNotEnded},
	{name: "closing signs out", check: closingSignsOut},
	{name: "an ended session is renewed", check: anEndedSessionIsRenewed},

	{name: "the version settles on 2.0", check: theVersionSettlesOn20},
	{name: "validate is not supported", check: validateIsNotSupported},
	{name: "resetting the idle time is not supported", check: resettingTheIdleTimeIsNotSupported},
	{name: "logoutByUser is not supported", check: logoutByUserIsNotSupported},
	{name: "version 1.2 has the token in the path", check: version12HasTheTokenInThePath},

	{name: "a query finds the sessions of a realm", check: aQueryFindsTheSessionsOfARealm},
	{name: "a query finds the sessions of a user", check: aQueryFindsTheSessionsOfAUser},
	{name: "a query finds odd names", check: aQueryFindsOddNames},
	{name: "a query compares without regard to case", check: aQueryComparesWithoutRegardToCase},
	{name: "a query leaves sub-realms out", check: aQueryLeavesSubRealmsOut},
	{name: "a query of an unknown realm is not found", check: aQueryOfAnUnknownRealmIsNotFound},
	{name: "a query of the root lists administrators", check: aQueryOfTheRootListsAdministrators, apart: true},
	{name: "a query projects fields", check: aQueryProjectsFields},
	{name: "a query is for administrators", check: aQueryIsForAdministrators},
	{name: "a list is cut at 120, the oldest kept", check: aListIsCutAt120TheOldestKept, apart: true},
	{name: "the list cap is read and changed", check: theListCapIsReadAndChanged},
	{name: "printed filters find exactly one user", check: printedFiltersFindExactlyOneUser, apart: true},

	{name: "session information of one's own", check: informationOfOnesOwn},
	{name: "session information by token", check: informationByToken},
	{name: "session information of what is no live token", check: informationOfWhatIsNoLiveToken},
	{name: "session information of others is for administrators", check: informationOfOthersIsForAdministrators},
	{name: "one's own session has its handle", check: onesOwnSessionHasItsHandle},
	{name: "properties without a whitelist", check: propertiesWithoutAWhitelist},
	{name: "properties of a whitelist", check: propertiesOfAWhitelist},
	{name: "properties that are refused", check: propertiesThatAreRefused},
	{name: "properties of a dead session", check: propertiesOfADeadSession},
	{name: "refresh tells the limits", check: refreshTellsTheLimits},
	{name: "logout of a live session", check: logoutOfALiveSession},
	{name: "logout of what is no live token", check: logoutOfWhatIsNoLiveToken},
	{name: "logout by handle of live sessions", check: logoutByHandleOfLiveSessions},
	{name: "logout by handle of what is not alive", check: logoutByHandleOfWhatIsNotAlive},
	{name: "logout by handle of one's own session", check: logoutByHandleOfOnesOwnSession},
	{name: "logout by handle is for administrators", check: logoutByHandleIsForAdministrators},

	{name: "realms are listed with those nested", check: realmsAreListedWithThoseNested},
	{name: "an inactive realm is listed as such", check: anInactiveRealmIsListedAsSuch},
	{name: "realms are for administrators", check: realmsAreForAdministrators},
	{name: "a realm without a session service has none", check: aRealmWithoutASessionServiceHasNone},
	{name: "a realm's session service has its limits", check: aRealmsSessionServiceHasItsLimits},
	{name: "users are listed with their status", check: usersAreListedWithTheirStatus, apart: true},
	{name: "users are found by the beginning of their names", check: usersAreFoundByTheBeginningOfTheirNames},
	{name: "users with odd names are found", check: usersWithOddNamesAreFound},
	{name: "a user list is cut at 1000", check: aUserListIsCutAt1000, apart: true},
	{name: "server information needs no login", check: serverInformationNeedsNoLogin},
	{name: "the server's version needs an administrator", check: theServersVersionNeedsAnAdministrator},

	{name: "a token that the server fails at is invalid", check: aTokenThatTheServerFailsAtIsInvalid},
	{name: "properties by name at 1.2", check: propertiesByNameAt12},
	{name: "a realm without a session service has the global limits", check: aRealmWithoutASessionServiceHasTheGlobalLimits, apart: true},
	{name: "a cookie beats a header", check: aCookieBeatsAHeader, apart: true},
}

func TestContractOnTheSimulator(t *testing.T) {
	server, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	user, password := server.Admin()
	checkContract(t, listener.URL+server.ContextPath(), user, password)
}

func TestOpenAMContract(t *testing.T) {
	address, user, password := os.Getenv("AMSQL_OPENAM_URL"), os.Getenv("AMSQL_OPENAM_USERNAME"), os.Getenv("AMSQL_OPENAM_PASSWORD")
	if address == "" {
		t.Skip("needs a real OpenAM: make openam-test") // openamtest.Connect cannot be used, because the cases must be the only ones with sessions
	}
	if file := os.Getenv(recordVariable); file != "" {
		record(t, file, address, user, password)
		return
	}
	checkContract(t, address, user, password)
}

func checkContract(t *testing.T, address, user, password string) {
	for i, c := range contract {
		t.Run(c.name, func(t *testing.T) { c.check(newWorld(t, i, address, user, password)) })
	}
}

// oddNames are names that naive clients do not handle.
var oddNames = []string{
	"o'brien", `with "quote"`, `back\slash`, "café", "two words", "per%cent", "plus+name", "a,b=c", "sla/sh", "日本", "semi;x",
	"<tag>", "user@example.com", `x" or realm eq "/`, "null", "true", "$x{y}", "naïveté",
}
