#include "config/command.h"
#include "config/command_line.h"
#include "config/completion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace config {
namespace {

constexpr Context kContexts[] = {Context::kStatic, Context::kDynamic};

ParsedCommand parsed(Context context, const std::string& line) {
    ResolvedLine resolved = resolve_line(context, line);
    if (const auto* error = std::get_if<LineError>(&resolved)) {
        ADD_FAILURE() << line << ": " << error->error.text;
        return {};
    }
    if (auto* command = std::get_if<ParsedCommand>(&resolved)) {
        return std::move(*command);
    }
    ADD_FAILURE() << line << " is no command";
    return {};
}

Error failure(Context context, const std::string& line) {
    const ResolvedLine resolved = resolve_line(context, line);
    if (const auto* error = std::get_if<LineError>(&resolved)) {
        return error->error;
    }
    ADD_FAILURE() << line << " is no error";
    return {};
}

TEST(CommandTable, EveryRowIsCompleteAndItsExamplesParse) {
    std::set<CommandId> ids;
    for (const Context context : kContexts) {
        std::set<std::string> words;
        for (const CommandSpec& spec : command_rows(context)) {
            SCOPED_TRACE(spec.words());
            EXPECT_EQ(spec.context, context);
            EXPECT_TRUE(ids.insert(spec.id).second);
            EXPECT_EQ(&command_spec(spec.id), &spec);
            EXPECT_TRUE(words.insert(spec.words()).second);
            EXPECT_TRUE(spec.summary.ends_with('.'));
            EXPECT_FALSE(spec.examples.empty());
            std::set<std::string_view> tags;
            for (const ParameterSpec& parameter : spec.parameters) {
                EXPECT_TRUE(tags.insert(parameter.tag).second) << parameter.tag;
                EXPECT_FALSE(parameter.help.empty()) << parameter.tag;
                EXPECT_FALSE(parameter.required && parameter.alternative) << parameter.tag;
                EXPECT_EQ(spec.parameter(parameter.tag), &parameter);
            }
            EXPECT_FALSE(!spec.parameters.empty() && spec.parameters.front().alternative);
            EXPECT_EQ(spec.parameter("nonsense"), nullptr);
            for (const std::string_view example : spec.examples) {
                EXPECT_EQ(parsed(context, std::string(example)).spec, &spec) << example;
            }
        }
    }
    EXPECT_EQ(ids.size(), static_cast<std::size_t>(CommandId::kDynamicShowPorts) + 1);
}

TEST(CommandTable, EveryVerbHasItsGroupRow) {
    for (const Context context : kContexts) {
        for (const CommandSpec& spec : command_rows(context)) {
            EXPECT_TRUE(std::any_of(group_rows().begin(), group_rows().end(), [&](const auto& row) {
                return row.context == context && row.verb == spec.verb && !row.summary.empty();
            })) << spec.verb;
        }
    }
}

TEST(CommandTable, OnlyShowAndSetStoreNeedNoPermission) {
    for (const Context context : kContexts) {
        for (const CommandSpec& spec : command_rows(context)) {
            const bool reads = spec.verb == "show" || spec.noun == "store";
            EXPECT_EQ(spec.changes, !reads) << spec.words();
        }
    }
}

// The examples of the 2025 reference that concern existing rows, as their authors wrote them.
TEST(ReferenceExamples, ParseToTheirMeaning) {
    {
        const ParsedCommand c = parsed(
            Context::kRoot,
            "netsh ipsec dynamic add mmpolicy name=\"MyMM-Policy\" qmpermm=100 mmlifetime=4800 "
            "softsaexpirationtime=1800 mmsecmethods=\"3DES-SHA1\"");
        EXPECT_EQ(c.spec->id, CommandId::kDynamicAddMmPolicy);
        EXPECT_EQ(c.arguments.text("name"), "MyMM-Policy");
        EXPECT_EQ(c.arguments.number("qmpermm"), 100U);
        EXPECT_EQ(c.arguments.number("mmlifetime"), 4800U);
        EXPECT_EQ(c.arguments.number("softsaexpirationtime"), 1800U);
        EXPECT_EQ(to_string(*c.arguments.mm_methods("mmsecmethods")), "3DES-SHA1-2");
        EXPECT_EQ(c.notes.size(), 2U);
    }
    {
        const ParsedCommand c =
            parsed(Context::kRoot,
                   "netsh ipsec dynamic add qmpolicy name=\"MyQM-Policy\" soft=yes pfsgroup=GRP2 "
                   "qmsecmethods=\"ESP:3DES-SHA1 ESP:AES128-SHA256\"");
        EXPECT_EQ(c.arguments.yes_no("soft"), true);
        EXPECT_EQ(c.arguments.keyword<PfsGroup>("pfsgroup"), PfsGroup::kGroup2);
        EXPECT_EQ(c.arguments.qm_methods("qmsecmethods")->size(), 2U);
        EXPECT_TRUE(c.notes.empty());
    }
    {
        const ParsedCommand c = parsed(
            Context::kRoot,
            "netsh ipsec dynamic add rule srcaddr=192.168.1.10 dstaddr=192.168.1.20 "
            "mmpolicy=\"MainModePolicy\" qmpolicy=\"QuickModePolicy\" protocol=TCP srcport=80 "
            "dstport=80 mirrored=no conntype=lan actioninbound=permit actionoutbound=permit");
        EXPECT_EQ(c.arguments.address("srcaddr")->first.to_string(), "192.168.1.10");
        EXPECT_EQ(c.arguments.text("qmpolicy"), "QuickModePolicy");
        EXPECT_EQ(c.arguments.protocol("protocol")->number, 6);
        EXPECT_EQ(c.arguments.port("dstport"), (PortRange{80, 80}));
        EXPECT_EQ(c.arguments.yes_no("mirrored"), false);
        EXPECT_EQ(c.arguments.keyword<ConnectionType>("conntype"), ConnectionType::kLan);
        EXPECT_EQ(c.arguments.keyword<Action>("actionoutbound"), Action::kPermit);
    }
    EXPECT_EQ(parsed(Context::kRoot, "netsh ipsec dynamic delete all").spec->id,
              CommandId::kDynamicDeleteAll);
    EXPECT_EQ(parsed(Context::kRoot, "ipsec dynamic delete qmpolicy name=\"QuickModePolicy\"")
                  .arguments.text("name"),
              "QuickModePolicy");
    {
        const ParsedCommand c =
            parsed(Context::kRoot,
                   "netsh ipsec dynamic delete rule srcaddr=192.168.1.10 dstaddr=192.168.1.20 "
                   "protocol=TCP srcport=80 dstport=80 conntype=lan");
        EXPECT_EQ(c.spec->id, CommandId::kDynamicDeleteRule);
        EXPECT_FALSE(c.arguments.given("mirrored"));
    }
    {
        const ParsedCommand c = parsed(
            Context::kRoot,
            "netsh ipsec static add filter filterlist=MyWebTraffic srcaddr=192.168.1.10 "
            "dstaddr=192.168.1.20 protocol=TCP srcport=80 dstport=80 description=\"Allow web "
            "traffic\" mirrored=yes");
        EXPECT_EQ(c.arguments.text("filterlist"), "MyWebTraffic");
        EXPECT_EQ(c.arguments.text("description"), "Allow web traffic");
        EXPECT_EQ(c.arguments.yes_no("mirrored"), true);
        EXPECT_FALSE(c.arguments.given("srcmask"));
    }
    {
        const ParsedCommand c =
            parsed(Context::kRoot,
                   "netsh ipsec static add filteraction name=AllowTraffic description=\"Permit "
                   "traffic without negotiation\" qmpfs=no inpass=yes soft=no action=permit");
        EXPECT_EQ(c.arguments.yes_no("inpass"), true);
        EXPECT_EQ(c.arguments.keyword<Action>("action"), Action::kPermit);
    }
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static add filterlist name=WebTrafficFilters "
                     "description=\"Filters for managing web traffic\"")
                  .arguments.text("name"),
              "WebTrafficFilters");
    {
        const ParsedCommand c = parsed(
            Context::kRoot,
            "netsh ipsec static add policy name=SecurePolicy description=\"Policy for securing "
            "sensitive traffic\" mmpfs=yes qmpermm=50 mmlifetime=28800 activatedefaultrule=no "
            "pollinginterval=600 assign=yes mmsecmethods=\"3DES-SHA1 DHGroup2;AES128-SHA256 "
            "DHGroup14\"");
        EXPECT_EQ(c.arguments.yes_no("assign"), true);
        EXPECT_EQ(c.arguments.number("pollinginterval"), 600U);
        EXPECT_EQ(to_string(*c.arguments.mm_methods("mmsecmethods")),
                  "3DES-SHA1-2 AES128-SHA256-3");
    }
    {
        const ParsedCommand c =
            parsed(Context::kRoot,
                   "netsh ipsec static add rule name=WebServerRule policy=SecurePolicy "
                   "filterlist=WebTrafficFilters filteraction=AllowTraffic tunnel=no conntype=lan "
                   "activate=yes description=\"...\" kerberos=yes");
        EXPECT_EQ(c.arguments.tunnel("tunnel")->kind, TunnelKind::kNone);
        EXPECT_EQ(c.arguments.auth_methods()->size(), 1U);
    }
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static delete filter filterlist=MyFilterList "
                     "srcaddr=192.168.1.10 dstaddr=192.168.1.20 protocol=TCP mirrored=yes "
                     "srcport=80 dstport=80")
                  .spec->id,
              CommandId::kStaticDeleteFilter);
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static delete rule name=WebServerRule policy=SecurePolicy")
                  .arguments.text("policy"),
              "SecurePolicy");
    {
        const ParsedCommand c =
            parsed(Context::kRoot,
                   "netsh ipsec static set defaultrule policy=SecurePolicy qmpfs=yes activate=yes "
                   "qmsecmethods=\"3DES-SHA1;AES128-SHA256\" kerberos=yes psk=yourPreSharedKey");
        const auto methods = c.arguments.auth_methods();
        ASSERT_EQ(methods->size(), 2U);
        EXPECT_EQ((*methods)[0].kind, AuthKind::kKerberos);
        EXPECT_TRUE(equal_ct((*methods)[1].preshared_key, SecretBytes("yourPreSharedKey")));
    }
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static set filteraction name=OldActionName "
                     "newname=NewActionName description=\"Updated filter action\" qmpfs=yes "
                     "inpass=no soft=no action=negotiate "
                     "qmsecmethods=\"AES256-SHA1;AES128-SHA256\"")
                  .arguments.qm_methods("qmsecmethods")
                  ->front()
                  .esp_cipher,
              Cipher::kAes256);
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static set filterlist name=OldListName newname=NewListName "
                     "description=\"...\"")
                  .arguments.text("newname"),
              "NewListName");
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static set policy name=OldPolicyName newname=NewPolicyName "
                     "description=\"...\" mmpfs=yes qmpermm=100 mmlifetime=36000 "
                     "activatedefaultrule=yes pollinginterval=1200 assign=no "
                     "mmsecmethods=\"AES256-SHA1 DHGroup14;AES128-SHA256 DHGroup2\"")
                  .arguments.yes_no("assign"),
              false);
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static set rule name=OldRuleName policy=SecurePolicy "
                     "newname=NewRuleName description=\"...\" filterlist=WebTrafficFilters "
                     "filteraction=NegotiateSecurity tunnel=ip conntype=lan activate=yes "
                     "kerberos=yes psk=mySecureKey")
                  .arguments.tunnel("tunnel")
                  ->kind,
              TunnelKind::kFromFilters);
    {
        const ParsedCommand c = parsed(
            Context::kRoot, "netsh ipsec static set store location=domain domain=MyDomain.com");
        EXPECT_EQ(c.arguments.keyword<StoreLocation>("location"), StoreLocation::kDomain);
        EXPECT_EQ(c.arguments.text("domain"), "MyDomain.com");
    }
    EXPECT_EQ(parsed(Context::kRoot, "netsh ipsec static show all format=list wide=no")
                  .arguments.keyword<Format>("format"),
              Format::kList);
    EXPECT_EQ(parsed(Context::kRoot,
                     "netsh ipsec static show filteraction name=\"ExampleFilterAction\" "
                     "level=verbose format=table wide=yes")
                  .arguments.keyword<Level>("level"),
              Level::kVerbose);
    EXPECT_TRUE(parsed(Context::kRoot,
                       "netsh ipsec static show filterlist all level=verbose format=list "
                       "resolvedns=no wide=yes")
                    .arguments.given("all"));
    {
        const ParsedCommand c = parsed(
            Context::kRoot,
            "netsh ipsec static show policy name=MyPolicy all level=verbose format=list wide=yes");
        EXPECT_EQ(c.arguments.text("name"), "MyPolicy");
        EXPECT_TRUE(c.arguments.given("all"));
    }
    {
        const ParsedCommand c = parsed(
            Context::kRoot,
            "netsh ipsec static show rule name=MyRule id=123 all policy=MyPolicy type=tunnel "
            "level=verbose format=table wide=yes");
        EXPECT_EQ(c.arguments.number("id"), 123U);
        EXPECT_EQ(c.arguments.keyword<RuleType>("type"), RuleType::kTunnel);
    }
}

// What a line gives, as "tag=value" of its string parameters and the tags of the others.
std::string shape(const ParsedCommand& command) {
    std::string text;
    for (const Argument& argument : command.arguments.in_order()) {
        text += text.empty() ? "" : " ";
        text += argument.parameter->tag;
        if (const auto* value = std::get_if<std::string>(&argument.value)) {
            text += "=" + *value;
        }
    }
    return text;
}

TEST(Matcher, FillsPlacesAfterTags) {
    struct Row {
        Context context;
        const char* line;
        const char* shape;
    };
    const std::vector<Row> rows = {
        {Context::kStatic,
         "add filter filterlist=Filter1 192.145.168.0 192.145.168.45 srcmask=24 dstmask=32",
         "filterlist=Filter1 srcaddr dstaddr srcmask dstmask"},
        {Context::kStatic,
         "add filter any filterlist=block srcmask=32 me",
         "srcaddr filterlist=block srcmask dstaddr"},
        {Context::kStatic,
         "add filter L any me protocol=tcp dstport=80 trailing",
         "filterlist=L srcaddr dstaddr protocol dstport description=trailing"},
        {Context::kStatic, "set policy OLD NEW", "name=OLD newname=NEW"},
        {Context::kStatic, "del rule all POLICY", "all policy=POLICY"},
        {Context::kStatic, "show filterlist all verbose", "all level"},
        {Context::kStatic, "show filterlist ALL VERBOSE TABLE", "all level format"},
        {Context::kStatic, "delete rule name=X POLICY", "name=X policy=POLICY"},
        {Context::kStatic, "delete rule id=2 POLICY", "id policy=POLICY"},
        {Context::kStatic, "delete rule 1 POLICY", "name=1 policy=POLICY"},
        {Context::kStatic, "show rule default P", "default policy=P"},
        {Context::kStatic, "show policy \"all\"", "name=all"},
        {Context::kStatic, "show policy name=all", "all"},
        {Context::kStatic, "show policy name=P all", "name=P all"},
        {Context::kStatic, "show policy all P", nullptr},
        {Context::kStatic, "add rule rule=R name=N policy=P filter=L filteraction=A", nullptr},
        {Context::kStatic,
         "add rule N P filter=L filteraction=A",
         "name=N policy=P filterlist=L filteraction=A"},
        {Context::kStatic,
         "add rule N P L A kerberos=no rootca=\"CN=a\" psk=k rootca=\"CN=b\"",
         "name=N policy=P filterlist=L filteraction=A kerberos rootca psk rootca"},
        {Context::kDynamic,
         "add mmp name=mmp qmpermm=10 mmlifetime=300 softsa=20 mmsec=\"3DES-SHA1-3 DES-SHA1-2\"",
         "name=mmp qmpermm mmlifetime softsaexpirationtime mmsecmethods"},
        {Context::kDynamic,
         "set rule srca=WINS dsta=0.0.0.0 srcmask=32 dstmask=32 tunneldst=192.168.145.1 proto=tcp "
         "srcport=80 dstport=80 mir=no con=lan qmp=qmp",
         "srcaddr dstaddr srcmask dstmask tunneldstaddress protocol srcport dstport mirrored "
         "conntype qmpolicy=qmp"},
        {Context::kDynamic, "add qmpolicy qmp soft=y", "name=qmp soft"},
        {Context::kStatic, "SHOW Policy NAME=Case Level=VERBOSE", "name=Case level"},
        {Context::kStatic,
         "add filterlist name = \"a b\" description = \"\"",
         "name=a b description="},
    };
    for (const Row& row : rows) {
        if (row.shape == nullptr) {
            EXPECT_FALSE(failure(row.context, row.line).text.empty()) << row.line;
        } else {
            EXPECT_EQ(shape(parsed(row.context, row.line)), row.shape) << row.line;
        }
    }
}

TEST(Matcher, KeepsTheOrderOfAuthentication) {
    const auto methods = parsed(Context::kStatic,
                                "add rule N P L A rootca=\"CN=a\" psk=k kerberos=y rootca=\"CN=b\"")
                             .arguments.auth_methods();
    ASSERT_EQ(methods->size(), 4U);
    EXPECT_EQ((*methods)[0].root_ca, "CN=a");
    EXPECT_EQ((*methods)[1].kind, AuthKind::kPresharedKey);
    EXPECT_EQ((*methods)[2].kind, AuthKind::kKerberos);
    EXPECT_EQ((*methods)[3].root_ca, "CN=b");
    EXPECT_FALSE(parsed(Context::kStatic, "add rule N P L A").arguments.auth_methods());
    EXPECT_TRUE(
        parsed(Context::kStatic, "add rule N P L A kerberos=no").arguments.auth_methods()->empty());
}

TEST(Matcher, RefusesWithTheRightCode) {
    struct Row {
        const char* line;
        ErrorCode code;
        const char* says;
    };
    const std::vector<Row> rows = {
        {"add filterlist nme=x", ErrorCode::kUnknownTag, "\"nme\""},
        {"add filterlist name=x name=y", ErrorCode::kDuplicateTag, "\"name\""},
        {"add rule N P L A psk=a psk=b", ErrorCode::kDuplicateTag, "\"psk\""},
        {"show policy all all", ErrorCode::kDuplicateTag, "\"all\""},
        {"add filterlist x y z", ErrorCode::kTooManyValues, "quotation marks"},
        {"delete all x", ErrorCode::kTooManyValues, ""},
        {"delete all x=y", ErrorCode::kUnknownTag, ""},
        {"add filter filterlist=x", ErrorCode::kMissingParameter, "srcaddr, dstaddr"},
        {"delete rule policy=P", ErrorCode::kMissingParameter, "name"},
        {"add filterlist name=", ErrorCode::kInvalidValue, "name has no value"},
        {"add filterlist name=\"\"", ErrorCode::kReservedName, ""},
        {"add filterlist name=All", ErrorCode::kReservedName, "reserved"},
        {"set filterlist x newname=ALL", ErrorCode::kReservedName, "reserved"},
        {"add filteraction x action=perm", ErrorCode::kInvalidValue, "permit, block or negotiate"},
        {"add filteraction x qmsecmethods=x", ErrorCode::kBadMethods, "\"x\""},
        {"add filter L any 10.0.0.300", ErrorCode::kBadAddress, "10.0.0.300"},
        {"ad", ErrorCode::kIncompleteCommand, nullptr},
        {"s policy all", ErrorCode::kAmbiguousWord, "set or show"},
        {"add filtera name=x", ErrorCode::kIncompleteCommand, nullptr},
        {"add f name=x", ErrorCode::kAmbiguousWord, "filter or filteraction"},
        {"bogus", ErrorCode::kCommandNotFound, "not found: bogus."},
        {"add bogus name=x", ErrorCode::kCommandNotFound, "not found: add bogus."},
        {"name=x add", ErrorCode::kCommandNotFound, ""},
        {"add filterlist \"x", ErrorCode::kUnbalancedQuote, ""},
    };
    for (const Row& row : rows) {
        if (row.says == nullptr) {
            EXPECT_FALSE(
                std::holds_alternative<LineError>(resolve_line(Context::kStatic, row.line)))
                << row.line;
            continue;
        }
        const Error error = failure(Context::kStatic, row.line);
        EXPECT_EQ(error.code, row.code) << row.line << ": " << error.text;
        EXPECT_NE(error.text.find(row.says), std::string::npos) << error.text;
    }
}

TEST(Matcher, PrintsTheUsageBehindAUsageError) {
    const ResolvedLine usage = resolve_line(Context::kStatic, "add filterlist nme=x");
    EXPECT_NE(
        std::get<LineError>(usage).text().find("\nUsage:\n  add filterlist [ name = ] <name>"),
        std::string::npos);
    const ResolvedLine ipsec = resolve_line(Context::kStatic, "add filterlist name=all");
    EXPECT_EQ(std::get<LineError>(ipsec).text().find("Usage"), std::string::npos);
    EXPECT_EQ(std::get<LineError>(ipsec).text().find("ERR IPsec[05511] : "), 0U);
}

TEST(Matcher, KeepsSecretsOutOfErrors) {
    for (const char* line : {"add rule N P L A psk=hunter2 psk=hunter2",
                             "add rule N P L A B C D E F hunter2 hunter2 hunter2 hunter2",
                             "ad rul2 psk=hunter2",
                             "add rule psk=hunter2"}) {
        EXPECT_EQ(failure(Context::kStatic, line).text.find("hunter2"), std::string::npos) << line;
    }
}

TEST(Matcher, HintsAtTheContinuationOfAnotherShell) {
    EXPECT_NE(failure(Context::kStatic, "add filter filterlist=x ^").text.find("\"^\""),
              std::string::npos);
    EXPECT_EQ(failure(Context::kStatic, "add filter filterlist=x").text.find("\"^\""),
              std::string::npos);
}

std::string describe(const ResolvedLine& line) {
    if (const auto* context = std::get_if<EnterContext>(&line)) {
        return "enter " + std::string(context_path(context->context));
    }
    if (const auto* command = std::get_if<ParsedCommand>(&line)) {
        return std::string(context_path(command->spec->context)) + ": " + command->spec->words();
    }
    if (const auto* help = std::get_if<HelpText>(&line)) {
        return help->asked ? "help" : "listing";
    }
    if (const auto* session = std::get_if<SessionCommand>(&line)) {
        for (const SessionVerbRow& row : session_verbs()) {
            if (row.verb == session->verb) {
                return std::string(row.word) + " " + std::string(context_path(session->context))
                       + session->file;
            }
        }
    }
    return std::holds_alternative<EmptyLine>(line) ? "empty" : "error";
}

TEST(ResolveLine, LooksHereFirstAndThenUpward) {
    struct Row {
        Context context;
        const char* line;
        const char* expected;
    };
    const std::vector<Row> rows = {
        {Context::kRoot, "", "empty"},
        {Context::kRoot, "netsh", "empty"},
        {Context::kRoot, "ipsec", "enter ipsec"},
        {Context::kRoot, "Netsh IPsec static", "enter ipsec static"},
        {Context::kRoot, "netsh.exe ips dyn", "enter ipsec dynamic"},
        {Context::kRoot, "static", "error"},
        {Context::kIpsec, "static", "enter ipsec static"},
        {Context::kStatic, "dynamic", "enter ipsec dynamic"},
        {Context::kStatic, "ipsec static show all", "ipsec static: show all"},
        {Context::kStatic, "netsh ipsec dynamic show stats", "ipsec dynamic: show stats"},
        {Context::kStatic, "show stats", "error"},
        {Context::kDynamic, "static show all", "ipsec static: show all"},
        {Context::kDynamic, "show policy all", "error"},
        {Context::kDynamic, "delete all", "ipsec dynamic: delete all"},
        {Context::kRoot, "ipsec static ipsec", "error"},
        {Context::kStatic, "sh filterl all", "ipsec static: show filterlist"},
        {Context::kStatic, "show filter", "error"},
        {Context::kStatic, "add", "listing"},
        {Context::kStatic, "add ?", "help"},
        {Context::kStatic, "help add", "help"},
        {Context::kStatic, "add filter", "listing"},
        {Context::kStatic, "add filter /?", "help"},
        {Context::kStatic, "add filter filterlist=x HELP", "help"},
        {Context::kStatic, "add filterlist \"help\"", "ipsec static: add filterlist"},
        {Context::kStatic, "add filterlist name=help", "ipsec static: add filterlist"},
        {Context::kRoot, "?", "help"},
        {Context::kRoot, "-?", "help"},
        {Context::kRoot, "ipsec static ?", "help"},
        {Context::kRoot, "bogus ?", "error"},
        {Context::kStatic, "..", ".. ipsec"},
        {Context::kRoot, "..", ".. "},
        {Context::kStatic, "pushd", "pushd ipsec static"},
        {Context::kStatic, "pushd ipsec dynamic", "pushd ipsec dynamic"},
        {Context::kRoot, "pushd ipsec static", "pushd ipsec static"},
        {Context::kRoot, "pushd nowhere", "error"},
        {Context::kStatic, "pushd add", "error"},
        {Context::kStatic, "popd", "popd ipsec static"},
        {Context::kStatic, "popd x", "error"},
        {Context::kRoot, "BYE", "bye "},
        {Context::kRoot, "quit", "bye "},
        {Context::kStatic, "exec \"my file.txt\"", "exec ipsec staticmy file.txt"},
        {Context::kStatic, "exec", "error"},
        {Context::kStatic, "exec a b", "error"},
        {Context::kStatic, "pushd ?", "help"},
        {Context::kStatic, "ex", "error"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(describe(resolve_line(row.context, row.line)), row.expected)
            << context_path(row.context) << "> " << row.line;
    }
}

TEST(Completion, OffersWordsTagsAndValues) {
    struct Row {
        Context context;
        const char* line;
        std::vector<std::string> candidates;
        ObjectKind object;
        std::size_t replace_from;
    };
    const std::vector<Row> rows = {
        {Context::kRoot, "ip", {"ipsec"}, ObjectKind::kNone, 0},
        {Context::kRoot, "ipsec s", {"static"}, ObjectKind::kNone, 6},
        {Context::kStatic, "s", {"set", "show", "static"}, ObjectKind::kNone, 0},
        {Context::kStatic, "q", {"quit"}, ObjectKind::kNone, 0},
        {Context::kStatic, "pushd ips", {"ipsec"}, ObjectKind::kNone, 6},
        {Context::kStatic, "add f", {"filter", "filteraction", "filterlist"}, ObjectKind::kNone, 4},
        {Context::kStatic,
         "show policy ",
         {"name=", "all", "level=", "format=", "wide="},
         ObjectKind::kPolicy,
         12},
        {Context::kStatic, "show policy name=Of", {}, ObjectKind::kPolicy, 17},
        {Context::kStatic, "show policy name=\"My po", {}, ObjectKind::kPolicy, 17},
        {Context::kStatic, "add rule R pol=P filterl", {"filterlist="}, ObjectKind::kNone, 17},
        {Context::kStatic, "add rule R policy=P poli", {}, ObjectKind::kNone, 20},
        {Context::kStatic, "show all format=t", {"table"}, ObjectKind::kNone, 16},
        {Context::kStatic, "show all format = t", {"table"}, ObjectKind::kNone, 18},
        {Context::kStatic, "show all form= ", {"list", "table"}, ObjectKind::kNone, 15},
        {Context::kStatic, "add filter mirrored=", {"no", "yes"}, ObjectKind::kNone, 20},
        {Context::kStatic, "add filter bogus=", {}, ObjectKind::kNone, 17},
        {Context::kDynamic, "add rule mmpolicy=", {}, ObjectKind::kMmPolicy, 18},
        {Context::kStatic, "bogus ", {}, ObjectKind::kNone, 6},
    };
    for (const Row& row : rows) {
        const Completion completion = complete(row.context, row.line);
        EXPECT_EQ(completion.candidates, row.candidates) << row.line;
        EXPECT_EQ(completion.object, row.object) << row.line;
        EXPECT_EQ(completion.replace_from, row.replace_from) << row.line;
    }
    EXPECT_EQ(complete(Context::kStatic, "show policy name=\"My po").prefix, "My po");
}

TEST(SaCommands, AreReadByTagAndByPlace) {
    const std::string by_tag =
        "add sa spi=0x1001 srcaddr=192.0.2.1 dstaddr=198.51.100.1 "
        "method=\"ESP[AES128,SHA1]:100000k/3600s\" mode=tunnel enckey=00ff authkey=0x1122 "
        "ahspi=4098 ahkey=33 window=128 esn=yes encap=yes encapsrcport=1 encapdstport=65535 "
        "dscp=46 "
        "df=clear fragment=after rule=R";
    const std::string by_place =
        "add sa 4097 192.0.2.1 198.51.100.1 \"ESP[AES128,SHA1]:100000k/3600s\" tunnel 00ff 0x1122 "
        "4098 33 128 yes yes 1 65535 46 clear after R";
    for (const std::string& line : {by_tag, by_place}) {
        const ParsedCommand c = parsed(Context::kDynamic, line);
        ASSERT_NE(c.spec, nullptr) << line;
        EXPECT_EQ(c.spec->id, CommandId::kDynamicAddSa);
        EXPECT_EQ(c.arguments.number("spi"), 4097U);
        EXPECT_EQ(c.arguments.ip("srcaddr")->to_string(), "192.0.2.1");
        EXPECT_EQ(c.arguments.ip("dstaddr")->to_string(), "198.51.100.1");
        EXPECT_EQ(to_string(*c.arguments.sa_method("method")), "ESP[AES128,SHA1]:100000k/3600s");
        EXPECT_EQ(c.arguments.keyword<SaMode>("mode"), SaMode::kTunnel);
        EXPECT_EQ(c.arguments.key("enckey")->size(), 2U);
        EXPECT_EQ(c.arguments.key("authkey")->size(), 2U);
        EXPECT_EQ(c.arguments.number("ahspi"), 4098U);
        EXPECT_EQ(c.arguments.key("ahkey")->size(), 1U);
        EXPECT_EQ(c.arguments.number("window"), 128U);
        EXPECT_EQ(c.arguments.yes_no("esn"), true);
        EXPECT_EQ(c.arguments.yes_no("encap"), true);
        EXPECT_EQ(c.arguments.number("encapsrcport"), 1U);
        EXPECT_EQ(c.arguments.number("encapdstport"), 65535U);
        EXPECT_EQ(c.arguments.dscp("dscp")->value, 46);
        EXPECT_EQ(c.arguments.keyword<DfPolicy>("df"), DfPolicy::kClear);
        EXPECT_EQ(c.arguments.keyword<FragmentPolicy>("fragment"), FragmentPolicy::kAfter);
        EXPECT_EQ(c.arguments.text("rule"), "R");
    }
}

TEST(SaCommands, AWordWithAPlaceOfItsOwnTakesNoOtherValue) {
    struct Row {
        const char* line;
        bool all;
        bool source;
        bool destination;
    };
    const Row rows[] = {
        {"show qmsas", false, false, false},
        {"show qmsas all", true, false, false},
        {"show qmsas 10.0.0.1", false, true, false},
        {"show qmsas all 10.0.0.1", true, true, false},
        {"show qmsas 10.0.0.1 all", true, true, false},
        {"show qmsas 10.0.0.1 10.0.0.2", false, true, true},
        {"show qmsas \"all\"", false, true, false},
    };
    for (const Row& row : rows) {
        const ParsedCommand c = parsed(Context::kDynamic, row.line);
        EXPECT_EQ(c.arguments.given("all"), row.all) << row.line;
        EXPECT_EQ(c.arguments.given("srcaddr"), row.source) << row.line;
        EXPECT_EQ(c.arguments.given("dstaddr"), row.destination) << row.line;
    }
}

TEST(SaCommands, DeleteTakesAnSpiAndAddresses) {
    EXPECT_FALSE(parsed(Context::kDynamic, "delete sa all").arguments.given("spi"));
    const ParsedCommand c = parsed(Context::kDynamic, "delete sa 256 10.0.0.1 10.0.0.2");
    EXPECT_EQ(c.arguments.number("spi"), 256U);
    EXPECT_EQ(c.arguments.ip("srcaddr"), *IpAddress::parse("10.0.0.1"));
    EXPECT_EQ(c.arguments.ip("dstaddr"), *IpAddress::parse("10.0.0.2"));
    EXPECT_EQ(failure(Context::kDynamic, "delete sa srcaddr=me").code, ErrorCode::kInvalidValue);
}

TEST(ConfigCommands, PropertyAndValueAreReadWithAndWithoutTags) {
    for (const char* line : {"set config property=ikelogging value=1",
                             "set config ikelogging value=1",
                             "set config ikelogging 1",
                             "set config value=1 ikelogging",
                             "set config 1 prop=ikelogging"}) {
        const ParsedCommand c = parsed(Context::kDynamic, line);
        EXPECT_EQ(c.arguments.keyword<ConfigProperty>("property"), ConfigProperty::kIkeLogging)
            << line;
        EXPECT_EQ(c.arguments.text("value"), "1") << line;
    }
    EXPECT_EQ(failure(Context::kDynamic, "set config ikelogging").code,
              ErrorCode::kMissingParameter);
    EXPECT_EQ(failure(Context::kDynamic, "set config loglevel 1").code, ErrorCode::kInvalidValue);
}

TEST(SaCommands, CompletionKnowsTheirKeywordsAndRules) {
    const auto has = [](const char* line, const char* candidate) {
        const Completion completion = complete(Context::kDynamic, line);
        return std::find(completion.candidates.begin(), completion.candidates.end(), candidate)
               != completion.candidates.end();
    };
    EXPECT_TRUE(has("add s", "sa"));
    EXPECT_TRUE(has("add sa enck", "enckey="));
    EXPECT_TRUE(has("add sa mode=t", "tunnel"));
    EXPECT_TRUE(has("add sa df=", "clear"));
    EXPECT_TRUE(has("add sa fragment=", "before"));
    EXPECT_TRUE(has("show qm", "qmsas"));
    EXPECT_EQ(complete(Context::kDynamic, "add sa rule=").object, ObjectKind::kRule);
}

}  // namespace
}  // namespace config
