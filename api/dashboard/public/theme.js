// The theme that was chosen, before the first paint. A file of its own, since the content security policy allows no inline script.
try {
  const theme = localStorage.getItem("hwnas-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the page follows the system.
}
