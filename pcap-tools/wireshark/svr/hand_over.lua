-- SPDX-License-Identifier: MIT
-- Other dissectors get their part. What they find malformed is shown as such, and raised as an error, which ends here: it is
-- theirs, and what follows is still to be shown.
return { to = function(dissector, tvb, pinfo, tree) return pcall(dissector.call, dissector, tvb, pinfo, tree) end }
