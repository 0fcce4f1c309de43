// No module, so that it runs before anything is painted: a light page does not flash dark first. theme.ts goes on from here.
{
  const theme = localStorage.getItem("patrol.theme") === "light" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  document.querySelector("meta[name=color-scheme]").content = theme;
}
