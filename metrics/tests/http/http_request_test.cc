// SPDX-License-Identifier: Apache-2.0
#include "http/http_request.h"

#include <gtest/gtest.h>

namespace penstock::metrics {
namespace {

const std::map<std::string, HttpRoute> kRoutes = {{"/get", {}}, {"/post", {.methods = {"POST"}, .max_body_bytes = 10}}};

RequestHead Head(std::string_view method, std::string_view target) {
  return {.method = method, .target = target, .hosts = 1};
}

TEST(JudgeTest, FindsTheRouteOfThePathWithoutTheQuery) {
  const HeadVerdict verdict = Judge(Head("GET", "/get?a=/post"), kRoutes);
  EXPECT_EQ(verdict.refusal, 0);
  EXPECT_EQ(verdict.route, &kRoutes.at("/get"));
  EXPECT_EQ(Judge(Head("HEAD", "/get"), kRoutes).refusal, 0);
}

TEST(JudgeTest, RefusesWhatNoRouteTakes) {
  EXPECT_EQ(Judge(Head("GET", "/get/"), kRoutes).refusal, 404);
  EXPECT_EQ(Judge(Head("GET", "/post"), kRoutes).refusal, 405);
  EXPECT_EQ(Judge(Head("HEAD", "/post"), kRoutes).refusal, 405);
  EXPECT_EQ(Judge(Head("DELETE", "/get"), kRoutes).route, &kRoutes.at("/get"));
}

TEST(JudgeTest, RefusesATargetThatIsNoPath) {
  EXPECT_EQ(Judge(Head("OPTIONS", "*"), kRoutes).refusal, 400);
  EXPECT_EQ(Judge(Head("CONNECT", "a:1"), kRoutes).refusal, 400);
  EXPECT_EQ(Judge(Head("GET", "http://elsewhere/get"), kRoutes).refusal, 400);
}

TEST(JudgeTest, WantsOneHostFromVersion11On) {
  RequestHead head = Head("GET", "/get");
  head.hosts = 0;
  EXPECT_EQ(Judge(head, kRoutes).refusal, 400);
  head.version = 10;
  EXPECT_EQ(Judge(head, kRoutes).refusal, 0);
  head.hosts = 2;
  EXPECT_EQ(Judge(head, kRoutes).refusal, 400);
}

TEST(JudgeTest, RefusesOtherVersions) {
  for (const int version : {9, 12, 20}) {
    RequestHead head = Head("GET", "/get");
    head.version = version;
    EXPECT_EQ(Judge(head, kRoutes).refusal, 505);
  }
}

TEST(JudgeTest, RefusesBodiesThatAreTooLargeOrUnreadable) {
  RequestHead head = Head("POST", "/post");
  head.content_length = 10;
  EXPECT_EQ(Judge(head, kRoutes).refusal, 0);
  head.content_length = 11;
  EXPECT_EQ(Judge(head, kRoutes).refusal, 413);
  head.unknown_coding = true;
  EXPECT_EQ(Judge(head, kRoutes).refusal, 501);
}

TEST(TargetTest, IsAPathAndAQuery) {
  EXPECT_EQ(PathOf("/a?b?c"), "/a");
  EXPECT_EQ(QueryOf("/a?b?c"), "b?c");
  EXPECT_EQ(QueryOf("/a"), "");
  EXPECT_EQ(QueryOf("/a?"), "");
}

TEST(HttpRequestTest, FindsHeaderFieldsInAnyCase) {
  const HttpRequest request{.headers = {{"Accept", "a"}, {"ACCEPT", "b"}, {"Other", "c"}}};
  EXPECT_EQ(request.Header("accept"), "a, b");
  EXPECT_EQ(request.Header("none"), "");
}

}  // namespace
}  // namespace penstock::metrics
