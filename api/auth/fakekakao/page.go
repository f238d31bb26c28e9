package fakekakao

import "html/template"

// page asks who to be. It has no script: it works where nothing else does.
var page = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="ko">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kakao (fake)</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; background: #f6f6f4; color: #191919; margin: 0; display: grid; place-items: center; min-height: 100vh }
  main { background: #fff; padding: 2rem; border-radius: 12px; width: min(22rem, 90vw); box-shadow: 0 1px 8px #0002 }
  h1 { font-size: 1.2rem; margin: 0 0 .5rem }
  p { color: #555; margin: 0 0 1rem; font-size: .9rem }
  label { display: block; margin: .6rem 0 }
  input:not([type=checkbox]) { display: block; width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; border: 1px solid #bbb; border-radius: 6px }
  button { width: 100%; padding: .7rem; font: inherit; border: 0; border-radius: 6px; margin-top: .6rem; cursor: pointer; background: #eee }
  button[name=agree] { background: #fee500; font-weight: 600 }
</style>
<main>
  <h1>가짜 카카오 · Fake Kakao</h1>
  <p>This page stands in for Kakao and believes what you type. 실제 카카오가 아닙니다.</p>
  <form method="post" action="{{.}}">
    <label>회원번호 · Kakao id <input name="sub" value="1000001" required maxlength="100"></label>
    <label>닉네임 · Nickname <input name="nickname" value="하늘" maxlength="100"></label>
    <label>이메일 · E-mail (may be empty) <input name="email" type="email" value="hanul@kakao.test" maxlength="254"></label>
    <label><input type="checkbox" name="verified" value="1" checked> 이메일 확인됨 · the e-mail is verified</label>
    <button name="agree" value="1">동의하고 계속하기 · Agree</button>
    <button formnovalidate>취소 · Cancel</button>
  </form>
</main>
`))
