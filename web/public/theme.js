// Sets the theme before the first paint. A file of its own, because the content
// security policy allows no inline script.
;(function () {
  var wish = null
  try {
    wish = localStorage.getItem('yumen.theme')
  } catch {
    // Storage is closed to us: follow the system.
  }
  var dark = wish === 'dark' || (wish !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.classList.toggle('dark', dark)
})()
